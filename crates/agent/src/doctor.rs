//! `regain-agent doctor`: checks the configuration against the world, says what is wrong in
//! words and prints the command that mends it. Changes nothing.

mod directory;
mod kerberos;
mod machine;
mod report;

use ::directory::active_directory::Forests;
use serde::Serialize;

pub use self::report::Findings;
use crate::{clock::Clock, config::Config, enrolment::Enrolment};

/// Clocks that are further apart than this are told of.
const SKEW_SECONDS: u64 = 60;
/// Further apart than this they must be set: Kerberos and certificates go by them, too.
const MOST_SKEW_SECONDS: u64 = 300;

/// What belongs together: this machine, the service, a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What it is about.
    pub title: String,
    /// What was checked of it.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What kind of thing, by a code that never changes.
    pub code: &'static str,
    /// What was checked.
    pub what: String,
    /// How it is.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How a checked thing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but somebody should look at it.
    Look {
        /// What about it.
        why: String,
        /// What mends it, if that is to be mended.
        mend: Vec<Mend>,
    },
    /// It does not work.
    Bad {
        /// What is wrong.
        why: String,
        /// What mends it.
        mend: Vec<Mend>,
    },
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mend {
    /// In words.
    Words(String),
    /// A command, to be copied.
    Command(String),
}

impl Check {
    fn good(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), verdict: Verdict::Good }
    }

    fn look(
        code: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: Vec<Mend>,
    ) -> Self {
        Self { code, what: what.into(), verdict: Verdict::Look { why: why.into(), mend } }
    }

    fn bad(
        code: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: Vec<Mend>,
    ) -> Self {
        Self { code, what: what.into(), verdict: Verdict::Bad { why: why.into(), mend } }
    }
}

impl Check {
    /// Adds to what is wrong what follows from it, where it does.
    fn note_that(&mut self, follows: bool, what: &str) {
        match &mut self.verdict {
            Verdict::Look { why, .. } | Verdict::Bad { why, .. } if follows => {
                *why = format!("{why}; {what}");
            }
            Verdict::Good | Verdict::Look { .. } | Verdict::Bad { .. } => {}
        }
    }
}

fn words(text: impl Into<String>) -> Mend {
    Mend::Words(text.into())
}

fn command(text: impl Into<String>) -> Mend {
    Mend::Command(text.into())
}

/// Checks everything that can be checked from here.
pub async fn examine(config: &Config, forests: &Forests, clock: &Clock) -> Findings {
    let enrolment = Enrolment::read(&config.agent.data_dir).ok();
    let origin = enrolment.as_ref().map(|enrolment| enrolment.origin.as_str());
    let mut groups = vec![machine::this_machine(config, origin)];
    if let Some(origin) = origin {
        groups.push(machine::service(config, origin, clock).await);
    }
    for (section, found) in config.active_directory.iter().zip(forests.examine().await) {
        groups.extend(directory::domain(section, &found, clock).await);
    }
    Findings { groups }
}

/// How far two clocks are apart, as a check.
fn clocks(code: &'static str, whose: &str, theirs: i64, ours: i64) -> Check {
    let apart = theirs.abs_diff(ours);
    let what = format!("clocks of this machine and {whose}");
    if apart <= SKEW_SECONDS {
        return Check::good(code, format!("{what}: {apart} s apart"));
    }
    let side = if theirs > ours { "behind" } else { "ahead" };
    let why = format!("this machine is {} {side}", span(apart));
    let mend = vec![words(
        "set both by the same time server: timedatectl here, w32tm /query /status on a controller",
    )];
    if apart > MOST_SKEW_SECONDS {
        Check::bad(code, what, why, mend)
    } else {
        Check::look(code, what, why, mend)
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Whether a name resolves, as a check; an address needs none.
async fn resolves(host: &str, port: u16) -> Option<Check> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let what = format!("name {host}");
    Some(match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => {
            let mut addresses: Vec<String> =
                addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            Check::good("name", format!("{what}: {}", addresses.join(", ")))
        }
        Err(error) => Check::bad(
            "name",
            what,
            format!("does not resolve: {error}"),
            vec![
                words("correct the name, or let this machine ask a DNS server that knows it:"),
                command(format!("getent hosts {host}")),
            ],
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(check: &Check) -> &'static str {
        match check.verdict {
            Verdict::Good => "good",
            Verdict::Look { .. } => "look",
            Verdict::Bad { .. } => "bad",
        }
    }

    #[test]
    fn clocks_are_told_when_they_are_apart() {
        for (theirs, expected) in
            [(1_000, "good"), (1_060, "good"), (1_061, "look"), (700, "look"), (699, "bad")]
        {
            assert_eq!(
                verdict(&clocks("clock", "the service", theirs, 1_000)),
                expected,
                "{theirs}"
            );
        }
        let late = clocks("clock", "the service", 1_000_000, 0);
        let Verdict::Bad { why, .. } = late.verdict else { panic!("{late:?}") };
        assert_eq!(why, "this machine is 11 days behind");
    }
}
