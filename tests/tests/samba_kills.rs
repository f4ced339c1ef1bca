//! Real `kill -9` of the real agent and the real service, each at a drawn moment of an operation
//! on a real domain; then the domain is asked. At most one write, and what the page says is true.
//!
//! `REGAIN_KILLS` says how many (60), `REGAIN_KILLS_LANES` in how many organisations at once (1),
//! `REGAIN_SEED` from which number the moments are drawn (1), `REGAIN_KILLS_REPORT` names a
//! Markdown file for the table. `cargo xtask soak` runs 1,000.
#![expect(clippy::print_stdout, reason = "what was seen is the result of a long run")]

#[path = "../client/mod.rs"]
mod client;
#[path = "../client/patient.rs"]
mod patient;

use std::{collections::BTreeMap, fmt::Write as _, thread, time::Duration};

use anyhow::{Context as _, Result, bail};
use patient::{Asked, Patient};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tests::{
    harness::{organisation::Organisation, people::Person},
    lab::{service::SignIn, wait},
};

/// The moments are drawn from about as long as an operation takes.
const OPERATION_MILLIS: u64 = 150;
/// So many people at a time: what is not known at once is known half a minute later, and a
/// recovery waits for five.
const GROUP: usize = 20;

#[test]
fn kills_at_any_moment_write_at_most_once_and_tell_the_truth() {
    let number = |name, default| {
        let said = std::env::var(name).ok();
        said.and_then(|text| text.parse::<u64>().ok()).unwrap_or(default)
    };
    let (count, seed) = (number("REGAIN_KILLS", 60), number("REGAIN_SEED", 1));
    let lanes = number("REGAIN_KILLS_LANES", 1).max(1);
    let watch = wait::Stopwatch::start();
    let mut table = Table::default();
    thread::scope(|scope| {
        let running: Vec<_> = (0..lanes)
            .map(|lane| {
                let kills = usize::try_from(count / lanes + u64::from(lane < count % lanes));
                scope.spawn(move || run(kills.unwrap(), seed + lane).unwrap())
            })
            .collect();
        for lane in running {
            table.merge(lane.join().expect("a lane"));
        }
    });
    let report = table.report((seed, lanes), watch.elapsed());
    println!("{report}");
    if let Ok(path) = std::env::var("REGAIN_KILLS_REPORT") {
        std::fs::write(path, &report).unwrap();
    }
    assert!(table.breaches.is_empty(), "{:#?}", table.breaches);
}

/// So many kills in an organisation of their own.
fn run(count: usize, seed: u64) -> Result<Table> {
    let people: Vec<Person> = (0..count).map(person).collect();
    let mut organisation = Organisation::active_directory(&people)?;
    let mut rng = StdRng::seed_from_u64(seed);
    let mut table = Table::default();
    for (group, people) in people.chunks(GROUP).enumerate() {
        let mut struck: Vec<Struck> = Vec::new();
        for (at, person) in people.iter().enumerate() {
            let case = Case::of(group * GROUP + at, &mut rng);
            let one = strike(&mut organisation, person, case);
            struck.push(one.with_context(|| format!("{case:?}"))?);
        }
        for one in struck {
            table.add(&organisation, one)?;
        }
    }
    Ok(table)
}

/// Everybody is killed beside once.
fn person(number: usize) -> Person {
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    Person {
        name: text(format!("person.{number}")),
        display_name: "Somebody Struck",
        email: text(format!("person.{number}@mail.example")),
        password: "Seven-otters-swim-1",
        first_day: false,
    }
}

/// One kill.
#[derive(Clone, Copy, Debug)]
struct Case {
    number: usize,
    act: &'static str,
    victim: &'static str,
    after: Duration,
}

impl Case {
    /// Half of them the agent; each act as often as the others.
    fn of(number: usize, rng: &mut StdRng) -> Self {
        Self {
            number,
            act: ["unlock", "reset", "change"][number / 2 % 3],
            // In turns: an agent whose links break at once, again and again, waits longer.
            victim: ["agent", "service"][number % 2],
            after: Duration::from_millis(rng.next_u64() % OPERATION_MILLIS),
        }
    }

    fn password(self) -> String {
        format!("Green-lanterns-{}", self.number)
    }
}

/// What the domain shows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    key_version: u32,
    password_last_set: Option<String>,
    lockout_time: Option<String>,
}

impl Shown {
    fn read(organisation: &mut Organisation, person: &Person) -> Result<Self> {
        let samba = &organisation.domain()?.samba;
        Ok(Self {
            key_version: samba.key_version(person.name)?,
            password_last_set: samba.attribute(person.name, "pwdLastSet")?,
            lockout_time: samba.attribute(person.name, "lockoutTime")?,
        })
    }
}

struct Struck {
    case: Case,
    person: Person,
    client: Patient,
    before: Shown,
}

/// Lets a person prove who they are and ask, kills in the middle of it, and starts again.
fn strike(organisation: &mut Organisation, person: &Person, case: Case) -> Result<Struck> {
    // Who is locked out is offered no change.
    if case.act != "change" {
        organisation.lock(person)?;
    }
    let mut client = Patient::new(organisation.service.api(), case.number);
    let user_id = organisation.user_id(person);
    client.prove(&user_id, || organisation.mailbox.wait_for_newest_code(person.email))?;
    let before = Shown::read(organisation, person)?;
    let password = case.password();
    let asked = match case.act {
        "unlock" => Asked::Unlock,
        "reset" => Asked::Reset(&password),
        _ => Asked::Change(person.password, &password),
    };
    let (path, body) = client.last_call(&asked)?;
    let stepped = thread::scope(|scope| {
        let call = scope.spawn(|| client.step(path, &body));
        // The drawn moment.
        thread::park_timeout(case.after);
        let started = if case.victim == "agent" {
            organisation.domain().and_then(|domain| {
                domain.agent.kill();
                domain.agent.start_again()
            })
        } else {
            organisation.service.kill();
            organisation.service.start_again()
        };
        started.and(call.join().expect("the call"))
    });
    stepped?;
    Ok(Struck { case, person: *person, client, before })
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<(&'static str, &'static str), BTreeMap<String, usize>>,
    breaches: Vec<String>,
    not_known: usize,
}

impl Table {
    /// Waits for what is told in the end and holds it against the domain.
    fn add(&mut self, organisation: &Organisation, struck: Struck) -> Result<()> {
        let Struck { case, person, client, before } = struck;
        let told = client.outcome()?;
        let mut breach = |what: &str| self.breaches.push(format!("{what}: {case:?}"));
        let samba = match &organisation.directory {
            tests::harness::organisation::Directory::ActiveDirectory(domain) => &domain.samba,
            tests::harness::organisation::Directory::Embedded => bail!("no domain"),
        };
        let key_version = samba.key_version(person.name)?;
        let password_last_set = samba.attribute(person.name, "pwdLastSet")?;
        let lockout_time = samba.attribute(person.name, "lockoutTime")?;
        let after = Shown { key_version, password_last_set, lockout_time };
        let writes = after.key_version - before.key_version;
        let unlocked = after.lockout_time.as_deref().is_none_or(|time| time == "0");
        let set = after.password_last_set != before.password_last_set;
        let is_done = if case.act == "unlock" {
            if writes > 0 || set {
                breach("an unlock set a password");
            }
            unlocked
        } else {
            let should_unlock = case.act == "change" || writes == 1;
            if writes > 1 || set != (writes == 1) || unlocked != should_unlock {
                breach("a password was written another number of times than once or never");
            }
            writes == 1
        };
        match told.as_str() {
            "done" if !is_done => breach("told done, and it is not"),
            "not-done" if is_done => breach("told not done, and it is"),
            "not-known" => {
                println!("not known: {case:?}, {before:?}, {after:?}");
                self.not_known += 1;
            }
            _ => {}
        }
        if told == "done"
            && case.act != "unlock"
            && organisation.sign_in(&person, &case.password())? != SignIn::Accepted
        {
            breach("told done, and the password is another");
        }
        *self.rows.entry((case.victim, case.act)).or_default().entry(told).or_default() += 1;
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (what, row) in other.rows {
            let into = self.rows.entry(what).or_default();
            for (told, count) in row {
                *into.entry(told).or_default() += count;
            }
        }
        self.breaches.extend(other.breaches);
        self.not_known += other.not_known;
    }

    fn report(&self, (seed, lanes): (u64, u64), took: Duration) -> String {
        let mut text = "| killed | act | kills | done | not done | not known |\n\
                        | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        let mut all = 0;
        for ((victim, act), row) in &self.rows {
            let of = |told| row.get(told).copied().unwrap_or_default();
            let kills: usize = row.values().sum();
            all += kills;
            let _ = writeln!(
                text,
                "| {victim} | {act} | {kills} | {} | {} | {} |",
                of("done"),
                of("not-done"),
                of("not-known")
            );
        }
        let (breaches, seconds) = (self.breaches.len(), took.as_secs());
        let _ = writeln!(
            text,
            "\n{all} kills in {lanes} organisations beside each other, seeds from {seed}, {seconds} s: \
             {breaches} breaches, {} outcomes not known in the end.",
            self.not_known
        );
        text
    }
}
