//! `cargo xtask codegen`: the API description, written by the service itself, and the types
//! that the pages make of it; the policy's templates and documentation, written by the table of
//! settings. `--check` says whether the first two are current; a test of `os-windows` says it of
//! the others.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::{children::Children, repository, terminal::say, ui};

const DESCRIPTION: &str = "docs/openapi.json";
const TYPES: &str = "ui/src/generated/api.ts";

pub(crate) fn run(children: &Children, check: bool) -> Result<()> {
    if !check {
        let mut policy = Children::command(repository::cargo());
        policy.args(["run", "--quiet", "--package", "os-windows", "--example", "policy_files"]);
        children
            .succeed(policy.arg("--").arg(repository::root()).current_dir(repository::root()))?;
    }
    let before = [repository::read(DESCRIPTION), repository::read(TYPES)];
    let mut openapi = Children::command(repository::cargo());
    openapi.args(["run", "--quiet", "--package", "regain-service", "--", "openapi"]);
    let description = children.output(openapi.current_dir(repository::root()))?;
    ui::fetch(children, "ui")?;
    write(DESCRIPTION, &description)?;
    let made = children.output(&mut ui::npm("ui", &["run", "--silent", "codegen"]));
    let after = [Ok(description), repository::read(TYPES)];
    if check {
        put_back(&before)?;
    }
    made?;
    let [description, types] = after;
    let same = [description?, types?]
        .iter()
        .zip(&before)
        .all(|(after, before)| before.as_ref().is_ok_and(|before| before == after));
    match (check, same) {
        (true, false) => bail!("{DESCRIPTION} or {TYPES} is not current: run cargo xtask codegen"),
        (_, true) => say(&format!("{DESCRIPTION} and {TYPES} are current")),
        (false, false) => say(&format!("{DESCRIPTION} and {TYPES} are written")),
    }
    Ok(())
}

/// A check changes nothing.
fn put_back(before: &[Result<String>; 2]) -> Result<()> {
    for (file, text) in [DESCRIPTION, TYPES].into_iter().zip(before) {
        match text {
            Ok(text) => write(file, text)?,
            Err(_) => fs::remove_file(repository::path(file))
                .with_context(|| format!("cannot remove {file}"))?,
        }
    }
    Ok(())
}

fn write(file: &str, text: &str) -> Result<()> {
    fs::write(repository::path(file), text).with_context(|| format!("cannot write {file}"))
}
