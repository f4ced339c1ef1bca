//! `cargo xtask tidy`: the rules of CONTRIBUTING.md that no compiler checks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{repository, terminal::say};

/// Longer files say at the top why.
const LONG: usize = 500;
/// How such a note begins.
const NOTE: &str = "//! Long: ";

pub(crate) fn run() -> Result<()> {
    let mut faults = Vec::new();
    let files = repository::files(repository::root(), &|path| ends_with(path, "rs"))?;
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {file:?}"))?;
        for fault in faults_of(&text) {
            faults.push(format!("{}: {fault}", below_root(file).display()));
        }
    }
    faults.extend(undocumented_problems()?);
    if !faults.is_empty() {
        bail!("{}\n{} faults", faults.join("\n"), faults.len());
    }
    say(&format!("{} files are tidy", files.len()));
    Ok(())
}

fn faults_of(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("opens with no `//!` that says what it is for".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONG && !text.lines().any(|line| line.starts_with(NOTE)) {
        faults.push(format!("has {lines} lines and no `{NOTE}...` that says why"));
    }
    if text.contains(concat!("TO", "DO")) || text.contains(concat!("FIX", "ME")) {
        faults.push("has something left to do".to_owned());
    }
    if text.lines().any(|line| line.ends_with(' ')) {
        faults.push("has blanks at the end of a line".to_owned());
    }
    faults
}

/// Every code that a caller can get stands in docs/errors.md.
fn undocumented_problems() -> Result<Vec<String>> {
    let source = repository::read("crates/protocol/src/problem.rs")?;
    let listed = repository::read("docs/errors.md").unwrap_or_default();
    let codes = problem_codes(&source);
    if codes.is_empty() {
        bail!("crates/protocol/src/problem.rs lists no codes as expected: mend xtask/src/tidy.rs");
    }
    let unlisted = codes.iter().filter(|code| !listed.contains(&format!("`{code}`")));
    Ok(unlisted.map(|code| format!("docs/errors.md: lacks `{code}`")).collect())
}

/// `BotCheckFailed = 403, "..."` is `bot-check-failed`.
fn problem_codes(source: &str) -> Vec<String> {
    let name_of = |line: &str| {
        let (name, rest) = line.trim().split_once(" = ")?;
        let is_status =
            rest.get(..3)?.chars().all(|c| c.is_ascii_digit()) && rest.get(3..5)? == ", ";
        (is_status && name.chars().all(char::is_alphanumeric)).then(|| kebab(name))
    };
    source.lines().filter_map(name_of).collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}

fn ends_with(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn below_root(path: &Path) -> PathBuf {
    path.strip_prefix(repository::root()).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_codes_are_read_as_they_are_sent() {
        let source =
            "    /// Said.\n    BotCheckFailed = 403, \"The bot check was not passed.\";\n";
        assert_eq!(problem_codes(source), ["bot-check-failed"]);
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert!(faults_of("//! For this.\n").is_empty());
        assert_eq!(faults_of("fn main() {}\n").len(), 1);
    }
}
