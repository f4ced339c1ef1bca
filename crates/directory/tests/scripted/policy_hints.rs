//! Resets at a controller that offers policy hints, as Windows does and Samba does not: minimum
//! age and history count then, and their refusals are told apart. On a scripted server.

use directory::Directory;
use password::{NewPassword, PasswordRefusal};
use protocol::directory::{ExternalId, NotDone, Outcome};

use crate::{
    NOW, driver,
    server::{ANNA, Script, Scripted},
};

const HINTS: &str = "1.2.840.113556.1.4.2239";
const DEPRECATED_HINTS: &str = "1.2.840.113556.1.4.2066";
const PAGES: &str = "1.2.840.113556.1.4.319";
/// What Active Directory says of a password that it does not take, whatever the reason.
const NOT_TAKEN: &str = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0";

fn script(controls: Vec<&'static str>, password_age_seconds: i64) -> Script {
    let set = (NOW - password_age_seconds + 11_644_473_600) * 10_000_000;
    let password_last_set = u64::try_from(set).unwrap();
    Script { controls, password_last_set, ..Script::default() }
}

async fn reset(server: &Scripted) -> Outcome {
    let driver = driver(server);
    let anna = ExternalId(ANNA.to_owned());
    let status = driver.status(&anna).await.unwrap();
    assert!(!status.protected);
    let new = NewPassword::parse("Correct horse 7".to_owned()).ok().unwrap();
    driver.reset(&anna, &new, &status.fence).await
}

#[tokio::test]
async fn a_reset_carries_the_hints_that_the_controller_offers() {
    let obey = vec![0x30, 0x03, 0x02, 0x01, 0x01];
    let cases = [
        (vec![PAGES, DEPRECATED_HINTS, HINTS], Some(HINTS)),
        (vec![DEPRECATED_HINTS], Some(DEPRECATED_HINTS)),
        (vec![PAGES], None),
    ];
    for (offered, carried) in cases {
        let server = Scripted::start(script(offered, 90_000));
        assert_eq!(reset(&server).await, Outcome::Done);
        let expected: Vec<_> =
            carried.iter().map(|oid| ((*oid).to_owned(), true, obey.clone())).collect();
        assert_eq!(server.script.lock().unwrap().seen, [expected]);
        let anna = ExternalId(ANNA.to_owned());
        let status = driver(&server).status(&anna).await.unwrap();
        assert_eq!(status.reset_obeys_age_and_history, carried.is_some());
    }
}

#[tokio::test]
async fn with_hints_age_and_history_are_told_as_such() {
    const TWO_DAYS: i64 = 172_800;
    let cases = [
        (vec![HINTS], TWO_DAYS, NOT_TAKEN, PasswordRefusal::UsedBefore),
        (vec![HINTS], 60, NOT_TAKEN, PasswordRefusal::TooNew),
        // Without hints neither counts: a filter of which nobody knows.
        (vec![], TWO_DAYS, NOT_TAKEN, PasswordRefusal::Rules),
        (vec![], 60, NOT_TAKEN, PasswordRefusal::Rules),
    ];
    for (offered, age, words, refusal) in cases {
        for code in [19, 53] {
            let mut script = script(offered.clone(), age);
            script.refusal = Some((code, words));
            let server = Scripted::start(script);
            let reason = NotDone::Password(refusal);
            assert_eq!(reset(&server).await, Outcome::NotDone { reason }, "{offered:?} {age}");
        }
    }
}
