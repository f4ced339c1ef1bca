//! The same pages in a real browser: the portal suite of `tests/ui`, run against an
//! organisation that stands already. The environment tells it where and for whom.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::process::run;
use crate::harness::{organisation::Organisation, people::Person};

/// Walks every recovery of the portal suite in Chromium and returns what the suite printed.
///
/// # Errors
/// When one of its tests fails; with what it printed.
pub fn walk_the_portal(
    organisation: &Organisation,
    people: &[(&str, Person)],
    new_password: &str,
) -> Result<String> {
    let person = |(name, person): &(&str, Person)| {
        let facts = json!({
            "user_id": organisation.user_id(person),
            "email": person.email,
            "password": person.password,
        });
        ((*name).to_owned(), facts)
    };
    let people: Value = people.iter().map(person).collect();
    run(Command::new("npm")
        .args(["run", "--silent", "test:portal"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui"))
        .env("REGAIN_PORTAL", organisation.service.origin())
        .env("REGAIN_MAILBOX", organisation.mailbox.address())
        .env("REGAIN_PEOPLE", people.to_string())
        .env("REGAIN_NEW_PASSWORD", new_password))
    .context("the portal suite of tests/ui")
}
