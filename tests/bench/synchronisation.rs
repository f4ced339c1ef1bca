//! The first synchronisation of a real domain of 5,000 accounts: how fast, and how much memory
//! the agent takes for it. A second one, of accounts that are all known, for comparison.

use std::{fmt::Write as _, ops::Range, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use sqlx::{
    ConnectOptions as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tests::lab::{
    agent::Agent,
    samba::Samba,
    service::Service,
    smtp::Mailbox,
    wait::{self, PATIENCE, Stopwatch},
};

use crate::{
    memory,
    report::{Budget, Report, say},
};

const ACCOUNTS: usize = 5_000;
/// Made by one call: what the tool says of each must fit the pipe that nobody reads meanwhile.
const AT_ONCE: usize = 250;
const DIRECTORY: &str = "Staff";

/// Measures and adds the figures.
///
/// # Errors
/// When the accounts do not arrive.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    say("Synchronisation of a Samba domain (about a minute) ...");
    let mailbox = Mailbox::start()?;
    let service = Service::start(&mailbox)?;
    let samba = Samba::start()?;
    let filling = Stopwatch::start();
    for first in (0..ACCOUNTS).step_by(AT_ONCE) {
        samba.change(&accounts(&samba.people_dn(), first..first + AT_ONCE)?)?;
    }
    say(&format!("  {ACCOUNTS} accounts made in {:.0} s", filling.elapsed().as_secs_f64()));
    let code = service.create_agent_directory(DIRECTORY)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let stored = Stored { database: service.folder().join("data/regain.db"), runtime: &runtime };

    let mut agent = Agent::enrol(&samba, &code)?;
    let first = Stopwatch::start();
    agent.start_again()?;
    stored.wait_for(1)?;
    let first = first.elapsed().as_secs_f64();
    ensure!(stored.count()? == i64::try_from(ACCOUNTS)?, "not every account is known");
    let peak = memory::peak_mb(agent.process_id().context("no agent")?)?;

    agent.stop();
    agent.forget_synchronisation()?;
    let second = Stopwatch::start();
    agent.start_again()?;
    stored.wait_for(2)?;
    let second = second.elapsed().as_secs_f64();

    let number = ACCOUNTS as f64;
    report.add("sync.accounts_per_s", number / first, "1/s", Budget::AtLeast(500.0));
    report.add("sync.peak_mb", peak, "MB", Budget::AtMost(40.0));
    report.note(format!(
        "sync.accounts_per_s: {ACCOUNTS} accounts, each with mail, two telephone numbers and \
         five names, in {first:.2} s from the start of the agent's process until the last page \
         is committed by the service; once more, all of them known, in {second:.2} s \
         ({:.0} a second)",
        number / second
    ));
    report.note(
        "sync.peak_mb: VmHWM of the agent's process after the first one, its start included"
            .to_owned(),
    );
    Ok(())
}

/// Without passwords: most of the time of making an account goes into those.
fn accounts(people: &str, numbers: Range<usize>) -> Result<String> {
    let mut ldif = String::with_capacity(numbers.len() * 400);
    for number in numbers {
        writeln!(
            ldif,
            "dn: CN=person{number:04},{people}\nchangetype: add\nobjectClass: user\n\
             sAMAccountName: person{number:04}\nuserPrincipalName: person{number:04}@ad.example.test\n\
             displayName: Person {number:04}\nmail: person{number:04}@mail.example\n\
             mobile: +49 170 {:07}\ntelephoneNumber: +49 30 1234 x{number:04}\n\
             userAccountControl: 544\n",
            1_000_000 + number
        )?;
    }
    Ok(ldif)
}

/// What the service has committed, read beside it.
struct Stored<'a> {
    database: PathBuf,
    runtime: &'a tokio::runtime::Runtime,
}

impl Stored<'_> {
    fn wait_for(&self, runs: i64) -> Result<()> {
        const RUNS: &str = "SELECT coalesce(sum(counted), 0) FROM synchronisation
                            WHERE complete = run";
        wait::until("the end of the synchronisation", 10 * PATIENCE, || {
            Ok((self.number(RUNS)? >= runs).then_some(()))
        })
    }

    fn count(&self) -> Result<i64> {
        self.number("SELECT count(*) FROM account WHERE enabled")
    }

    fn number(&self, of: &'static str) -> Result<i64> {
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(&self.database)
                .journal_mode(SqliteJournalMode::Wal)
                .read_only(true);
            let mut connection: SqliteConnection = options.connect().await?;
            Ok(sqlx::query_scalar(of).fetch_one(&mut connection).await?)
        })
    }
}
