//! Two controllers that do not replicate, as two do that are cut off from each other, and the one
//! that is written to killed at a drawn moment of an operation. Whatever became of it is written
//! on one of them, once, and what the page says is true there.
//!
//! `REGAIN_SEED` says from which number the moments are drawn (1).

#[path = "../client/mod.rs"]
mod client;
#[path = "../client/patient.rs"]
mod patient;

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use patient::{Asked, Patient};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tests::{
    harness::{organisation::Organisation, people::Person},
    lab::{
        agent::Agent,
        samba::{Samba, join::Kind},
    },
};

const PEOPLE: usize = 12;
/// Longer than an operation takes, so that some are over before the controller ends.
const MOMENTS_MILLIS: u64 = 120;

#[test]
fn what_is_told_is_true_on_the_controller_that_was_written_to() {
    let seed = std::env::var("REGAIN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let people: Vec<Person> = (0..PEOPLE).map(person).collect();
    let (mut organisation, other) = organisation(&people).unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut struck = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let after = Duration::from_millis(rng.next_u64() % MOMENTS_MILLIS);
        let one = strike(&mut organisation, &other, person, (number, after));
        struck.push(one.with_context(|| format!("{number} after {after:?}")).unwrap());
    }
    let told: Vec<String> = struck
        .iter()
        .map(|one| one.told(&mut organisation, &other).with_context(|| format!("{one:?}")).unwrap())
        .collect();
    println!("{told:?}");
    let certain = told.iter().filter(|outcome| outcome.as_str() != "not-known").count();
    assert_eq!(certain, PEOPLE, "the controller was there again, and could be asked: {told:?}");
}

fn person(number: usize) -> Person {
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    Person {
        name: text(format!("person.{number}")),
        display_name: "Somebody Cut Off",
        email: text(format!("person.{number}@mail.example")),
        password: "Seven-otters-swim-1",
        first_day: false,
    }
}

/// An agent that knows both; the first is the PDC emulator.
fn organisation(people: &[Person]) -> Result<(Organisation, Samba)> {
    let mut other = None;
    let organisation = Organisation::beside(people, |samba, code| {
        samba.name_by_address()?;
        let joined = samba.join(Kind::Writable)?;
        let mut agent = Agent::enrol(samba, code)?;
        let text = std::fs::read_to_string(agent.configuration())?;
        let both = format!("'{}', '{}'", samba.url(), joined.url());
        let one = format!("'{}'", samba.url());
        std::fs::write(agent.configuration(), text.replacen(&one, &both, 1))?;
        agent.start_again()?;
        other = Some(joined);
        Ok(agent)
    })?;
    Ok((organisation, other.context("no second controller")?))
}

/// What one controller shows of an account.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    key_version: u32,
    is_locked: bool,
}

impl Shown {
    fn at(controller: &Samba, person: &Person) -> Result<Self> {
        let key_version = controller.key_version(person.name)?;
        Ok(Self { key_version, is_locked: controller.is_locked(person.name)? })
    }
}

/// An operation whose controller was killed. What is not known at once is known half a minute
/// later, so it is asked when all were struck.
struct Struck {
    person: Person,
    act: &'static str,
    client: Patient,
    before: [Shown; 2],
    after: Duration,
}

impl std::fmt::Debug for Struck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, act) = (self.person.name, self.act);
        write!(f, "{name}: {act}, killed after {:?}; before {:?}", self.after, self.before)
    }
}

/// Unlocks, sets a password and changes one, in turns.
fn strike(
    organisation: &mut Organisation,
    other: &Samba,
    person: &Person,
    (number, after): (usize, Duration),
) -> Result<Struck> {
    let act = ["unlock", "reset", "change"][number % 3];
    // Who is locked out is offered no change.
    if act == "change" {
        // A controller that never counted shows nothing, and is taken to have counted some.
        for controller in [&organisation.domain()?.samba, other] {
            controller.try_bind(person.name, "Not-mine-7")?;
            controller.try_bind(person.name, person.password)?;
        }
    } else {
        organisation.lock(person)?;
        other.lock(person.name)?;
    }
    let mut client = Patient::new(organisation.service.api(), number);
    let user_id = organisation.user_id(person);
    client.prove(&user_id, || organisation.mailbox.wait_for_newest_code(person.email))?;
    let first = &organisation.domain()?.samba;
    let before = [Shown::at(first, person)?, Shown::at(other, person)?];
    let password = format!("Green-lanterns-{number}");
    let asked = match act {
        "unlock" => Asked::Unlock,
        "reset" => Asked::Reset(&password),
        _ => Asked::Change(person.password, &password),
    };
    let (path, body) = client.last_call(&asked)?;
    thread::scope(|scope| -> Result<()> {
        let call = scope.spawn(|| client.step(path, &body));
        // The drawn moment.
        thread::park_timeout(after);
        let samba = &mut organisation.domain()?.samba;
        samba.kill_controller();
        let called = call.join().expect("the call");
        samba.start_controller()?;
        called
    })?;
    Ok(Struck { person: *person, act, client, before, after })
}

impl Struck {
    /// What the page says in the end, held against both controllers.
    fn told(&self, organisation: &mut Organisation, other: &Samba) -> Result<String> {
        let told = self.client.outcome()?;
        let first = &organisation.domain()?.samba;
        let now = [Shown::at(first, &self.person)?, Shown::at(other, &self.person)?];
        let written = self.before.iter().zip(&now).filter(|(before, now)| before != now).count();
        ensure!(written <= 1, "written on both: {now:?}");
        for (before, now) in self.before.iter().zip(&now) {
            let writes = now.key_version - before.key_version;
            ensure!(writes <= u32::from(self.act != "unlock"), "written twice: {now:?}");
        }
        ensure!(told == "not-known" || (told == "done") == (written == 1), "{told}: {now:?}");
        Ok(told)
    }
}
