//! Licences, bans and sources: the rules of deny.toml over `cargo metadata`. The same file
//! serves cargo-deny, which takes minutes to compile and is not needed for this.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{children::Children, repository, terminal::say};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every crate of the lock file.
pub(crate) fn run(children: &Children) -> Result<()> {
    let rules = Rules::read()?;
    let metadata = metadata(children, None)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let faults: Vec<String> = packages.iter().filter_map(|package| rules.fault(package)).collect();
    if !faults.is_empty() {
        bail!("{}\n(the rules are in deny.toml)", faults.join("\n"));
    }
    say(&format!("{} crates keep the rules of deny.toml", packages.len()));
    Ok(())
}

/// What cargo knows of every crate of the lock file, or of those that one target uses.
pub(crate) fn metadata(children: &Children, target: Option<&str>) -> Result<Value> {
    let mut command = Children::command(repository::cargo());
    command.args(["metadata", "--format-version=1", "--locked"]);
    if let Some(target) = target {
        command.args(["--filter-platform", target]);
    }
    let printed = children.output(command.current_dir(repository::root()))?;
    serde_json::from_str(&printed).context("cargo metadata printed no JSON")
}

/// The crates that programs are linked with: not what only builds or tests them.
pub(crate) struct Linked<'a> {
    packages: BTreeMap<&'a str, &'a Value>,
    /// Of each that is linked, what it is linked with.
    needs: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Linked<'a> {
    /// What these packages of ours are linked with, and themselves.
    pub(crate) fn below(metadata: &'a Value, ours: &[&str]) -> Result<Self> {
        let packages: BTreeMap<&str, &Value> = entries(metadata, "packages")
            .filter_map(|package| Some((package["id"].as_str()?, package)))
            .collect();
        let nodes: BTreeMap<&str, &Value> = entries(&metadata["resolve"], "nodes")
            .filter_map(|node| Some((node["id"].as_str()?, node)))
            .collect();
        let is_ours = |package: &Value| {
            package["source"].is_null()
                && package["name"].as_str().is_some_and(|name| ours.contains(&name))
        };
        let mut wanted: Vec<&str> =
            packages.iter().filter(|(_, package)| is_ours(package)).map(|(id, _)| *id).collect();
        let mut needs = BTreeMap::new();
        while let Some(id) = wanted.pop() {
            if needs.contains_key(id) {
                continue;
            }
            let node = nodes.get(id).with_context(|| format!("cargo metadata lacks {id}"))?;
            let is_linked = |dependency: &&Value| {
                entries(dependency, "dep_kinds").any(|kind| kind["kind"].is_null())
            };
            let below: BTreeSet<&str> = entries(node, "deps")
                .filter(is_linked)
                .filter_map(|dependency| dependency["pkg"].as_str())
                .collect();
            wanted.extend(&below);
            needs.insert(id, below);
        }
        Ok(Self { packages, needs })
    }

    /// Each, with what it is linked with.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (&'a Value, Vec<&'a Value>)> {
        self.needs.iter().filter_map(|(id, needs)| {
            let below = needs.iter().filter_map(|id| self.packages.get(id).copied()).collect();
            Some((*self.packages.get(id)?, below))
        })
    }
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

struct Rules {
    allowed: Vec<String>,
    banned: Vec<String>,
}

impl Rules {
    fn read() -> Result<Self> {
        let text = repository::read("deny.toml")?;
        let rules = Self {
            allowed: quoted(list(&text, "allow = [")?),
            banned: quoted(list(&text, "deny = [")?),
        };
        Ok(rules)
    }

    fn fault(&self, package: &Value) -> Option<String> {
        let name = package["name"].as_str()?;
        // Ours are under our own licence.
        let source = package["source"].as_str()?;
        let said = format!("{name} {}", package["version"].as_str().unwrap_or_default());
        if source != REGISTRY {
            return Some(format!("{said}: comes from {source}"));
        }
        if self.banned.iter().any(|banned| banned == name) {
            return Some(format!("{said}: is banned"));
        }
        let Some(licence) = package["license"].as_str() else {
            return Some(format!("{said}: names no licence"));
        };
        let allowed = satisfied(licence, &|one| self.allowed.iter().any(|allowed| allowed == one));
        (!allowed).then(|| format!("{said}: {licence} is not allowed"))
    }
}

/// Whether a licence expression (SPDX) can be fulfilled with the licences that `is_allowed`.
pub(crate) fn satisfied(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    // Before SPDX a slash stood for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut reader = Reader { words: &words, is_allowed, is_broken: false };
    reader.any_of() && reader.words.is_empty() && !reader.is_broken
}

struct Reader<'a> {
    words: &'a [&'a str],
    is_allowed: &'a dyn Fn(&str) -> bool,
    /// Ends too early: fulfilled by nothing.
    is_broken: bool,
}

impl Reader<'_> {
    fn any_of(&mut self) -> bool {
        let mut fulfilled = self.all_of();
        while self.take("OR") {
            fulfilled |= self.all_of();
        }
        fulfilled
    }

    fn all_of(&mut self) -> bool {
        let mut fulfilled = self.one();
        while self.take("AND") {
            fulfilled &= self.one();
        }
        fulfilled
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let fulfilled = self.any_of();
            return self.take(")") && fulfilled;
        }
        let Some((name, rest)) = self.words.split_first() else {
            self.is_broken = true;
            return false;
        };
        self.words = rest;
        if self.take("WITH")
            && let Some((exception, rest)) = self.words.split_first()
        {
            self.words = rest;
            return (self.is_allowed)(&format!("{name} WITH {exception}"));
        }
        (self.is_allowed)(name)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

/// The text of the list that begins with `opening`, at the start of a line.
fn list<'a>(text: &'a str, opening: &str) -> Result<&'a str> {
    let from = text
        .find(&format!("\n{opening}"))
        .with_context(|| format!("deny.toml has no list `{opening}`"))?;
    let rest = &text[from..];
    let to = rest.find("\n]").with_context(|| format!("deny.toml: `{opening}` has no end"))?;
    Ok(&rest[..to])
}

/// What stands in quotes, comments left out.
fn quoted(list: &str) -> Vec<String> {
    let lines = list.lines().filter(|line| !line.trim_start().starts_with('#'));
    let parts = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    parts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions_are_read_as_they_are_meant() {
        let only_mit = |one: &str| one == "MIT" || one == "Apache-2.0 WITH LLVM-exception";
        for fulfilled in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND MIT",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(satisfied(fulfilled, &only_mit), "{fulfilled}");
        }
        for not in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "MIT OR", "(MIT"] {
            assert!(!satisfied(not, &only_mit), "{not}");
        }
    }

    #[test]
    fn the_rules_are_found_in_the_file() {
        let rules = Rules::read().unwrap();
        assert!(rules.allowed.contains(&"Apache-2.0".to_owned()));
        assert!(rules.banned.contains(&"openssl-sys".to_owned()));
    }
}
