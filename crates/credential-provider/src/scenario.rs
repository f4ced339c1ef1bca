//! Whether the tile is offered at all: on which screen, on which machine, and who switched it
//! off. Pure: what the machine is like comes in as facts.

/// The screen that asks, as Windows numbers them (`CREDENTIAL_PROVIDER_USAGE_SCENARIO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Nobody is signed in, or somebody else wants to.
    SignIn,
    /// A locked session. Newer Windows mostly says `SignIn` there too.
    Unlock,
}

/// What decides beside the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// A call of ours panicked in this process.
    pub has_faulted: bool,
    /// The policy's switch.
    pub is_off_by_policy: bool,
    /// Windows' own switch for one provider.
    pub is_disabled: bool,
    /// Out-of-box setup is done.
    pub is_set_up: bool,
    /// The session is a remote one.
    pub is_remote: bool,
    /// The policy wants the tile in remote sessions as well.
    pub is_for_remote: bool,
}

/// Why there is no tile. Windows hears the same of all: not implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Not a screen to sign in at: prompts of programs, changing a password, before a VPN.
    Screen,
    /// A call panicked.
    Faulted,
    /// Switched off by policy.
    Policy,
    /// Switched off in Windows.
    Disabled,
    /// Out-of-box setup runs.
    Setup,
    /// A remote session.
    Remote,
}

const LOGON: i32 = 1;
const UNLOCK_WORKSTATION: i32 = 2;

/// The screen we serve, or why we do not.
///
/// # Errors
/// Why there is no tile.
pub fn decide(scenario: i32, machine: &Machine) -> Result<Screen, Hidden> {
    let screen = match scenario {
        LOGON => Screen::SignIn,
        UNLOCK_WORKSTATION => Screen::Unlock,
        _ => return Err(Hidden::Screen),
    };
    let refusals = [
        (machine.has_faulted, Hidden::Faulted),
        (machine.is_off_by_policy, Hidden::Policy),
        (machine.is_disabled, Hidden::Disabled),
        (!machine.is_set_up, Hidden::Setup),
        (machine.is_remote && !machine.is_for_remote, Hidden::Remote),
    ];
    match refusals.into_iter().find(|(holds, _)| *holds) {
        Some((_, why)) => Err(why),
        None => Ok(screen),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FINE: Machine = Machine {
        has_faulted: false,
        is_off_by_policy: false,
        is_disabled: false,
        is_set_up: true,
        is_remote: false,
        is_for_remote: false,
    };

    #[test]
    fn it_is_offered_at_signing_in_and_unlocking() {
        assert_eq!(decide(1, &FINE), Ok(Screen::SignIn));
        assert_eq!(decide(2, &FINE), Ok(Screen::Unlock));
    }

    #[test]
    fn each_switch_hides_it() {
        let hidden = [
            (Machine { has_faulted: true, ..FINE }, Hidden::Faulted),
            (Machine { is_off_by_policy: true, ..FINE }, Hidden::Policy),
            (Machine { is_disabled: true, ..FINE }, Hidden::Disabled),
            (Machine { is_set_up: false, ..FINE }, Hidden::Setup),
            (Machine { is_remote: true, ..FINE }, Hidden::Remote),
        ];
        for (machine, why) in hidden {
            assert_eq!(decide(1, &machine), Err(why));
            assert_eq!(decide(2, &machine), Err(why));
        }
        let remote = Machine { is_remote: true, is_for_remote: true, ..FINE };
        assert_eq!(decide(1, &remote), Ok(Screen::SignIn));
    }

    proptest! {
        #[test]
        fn no_other_screen_ever_has_it(scenario: i32) {
            prop_assume!(scenario != 1 && scenario != 2);
            prop_assert_eq!(decide(scenario, &FINE), Err(Hidden::Screen));
        }
    }
}
