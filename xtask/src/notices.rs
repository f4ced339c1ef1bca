//! `cargo xtask notices`: THIRD-PARTY-NOTICES.md, with every crate and npm package that is
//! shipped, its licence, and the texts that its licence wants to be passed on. `--check` says
//! whether the file is current.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    children::Children,
    licences::{self, Linked},
    repository,
    terminal::say,
    ui,
};

const FILE: &str = "THIRD-PARTY-NOTICES.md";
/// The packages whose programs people get.
const SHIPPED: [&str; 3] = ["regain", "regain-service", "regain-agent"];
/// Under this one everything is passed on that offers it: one text serves all of them.
const PREFERRED: &str = "Apache-2.0";

pub(crate) fn run(children: &Children, check: bool) -> Result<()> {
    ui::fetch(children, "ui")?;
    let mut parts = crates(&licences::metadata(children, None)?)?;
    parts.extend(npm_packages()?);
    let text = write(&parts)?;
    if check {
        if repository::read(FILE).is_ok_and(|had| had == text) {
            say(&format!("{FILE} is current ({} parts)", parts.len()));
            return Ok(());
        }
        bail!("{FILE} is not current: run cargo xtask notices");
    }
    fs::write(repository::path(FILE), text).with_context(|| format!("cannot write {FILE}"))?;
    say(&format!("{FILE} is written ({} parts)", parts.len()));
    Ok(())
}

/// Something that others made and we ship.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: String,
    folder: PathBuf,
}

/// Every crate that a shipped program is linked with, on any system.
fn crates(metadata: &Value) -> Result<Vec<Part>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let linked = Linked::below(metadata, &SHIPPED)?;
    let of_others = linked.packages().filter(|(package, _)| !package["source"].is_null());
    let mut parts: Vec<Part> = of_others
        .map(|(package, _)| Part {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: text(&package["license"]),
            folder: Path::new(&text(&package["manifest_path"])).with_file_name(""),
        })
        .collect();
    parts.sort();
    Ok(parts)
}

/// Every npm package that the pages are bundled with: what they import, and what that needs.
pub(crate) fn npm_packages() -> Result<Vec<Part>> {
    let lock: Value = serde_json::from_str(&repository::read("ui/package-lock.json")?)?;
    let is_source = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "ts" || extension == "svelte")
    };
    let mut wanted = vec!["svelte".to_owned()];
    for file in repository::files(&repository::path("ui/src"), &is_source)? {
        let source = fs::read_to_string(&file)?;
        wanted.extend(source.lines().filter_map(imported));
    }
    let mut parts = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        let package = &lock["packages"][format!("node_modules/{name}")];
        if package.is_null() || !seen.insert(name.clone()) {
            continue;
        }
        // Svelte is a compiler; what it bundles with the pages is its own runtime alone.
        if name != "svelte" {
            let needs = package["dependencies"].as_object();
            wanted.extend(needs.into_iter().flat_map(|needs| needs.keys().cloned()));
        }
        parts.insert(Part {
            folder: repository::path("ui/node_modules").join(&name),
            name: format!("{name} (npm)"),
            version: package["version"].as_str().unwrap_or_default().to_owned(),
            licence: package["license"].as_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(parts.into_iter().collect())
}

/// The package that a line of TypeScript imports, types left out: they are not shipped.
fn imported(line: &str) -> Option<String> {
    let line = line.trim();
    if !(line.starts_with("import ") || line.starts_with("} from "))
        || line.starts_with("import type")
    {
        return None;
    }
    let path = line.split(['"', '\'']).nth(1).filter(|path| !path.starts_with('.'))?;
    let parts = if path.starts_with('@') { 2 } else { 1 };
    Some(path.split('/').take(parts).collect::<Vec<_>>().join("/"))
}

fn write(parts: &[Part]) -> Result<String> {
    let mut text = "# Third-party notices\n\n\
        Regain is made with the work of others. What its programs and pages contain, and under\n\
        which licence; the texts that these licences want to be passed on follow the list.\n\
        Where a choice is offered, Apache-2.0 is taken (its text is in LICENSE). Written by\n\
        `cargo xtask notices`.\n\n| what | version | licence |\n| --- | --- | --- |\n"
        .to_owned();
    // One text for all that share it word by word.
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for part in parts {
        let licence = part.licence.replace('/', " OR ");
        writeln!(text, "| {} | {} | {licence} |", part.name, part.version)?;
        let under_preferred = licences::satisfied(&part.licence, &|one| one == PREFERRED);
        for own in own_texts(&part.folder, under_preferred)? {
            texts.entry(own).or_default().push(&part.name);
        }
    }
    for (own, names) in texts {
        writeln!(text, "\n## {}\n\n```text\n{own}\n```", names.join(", "))?;
    }
    Ok(text)
}

/// The texts in a part's folder that must be passed on: its notice, and its licence unless
/// that is the preferred one.
fn own_texts(folder: &Path, under_preferred: bool) -> Result<Vec<String>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} is not fetched", folder.display()))?;
    let mut texts = BTreeSet::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_notice = name.starts_with("NOTICE");
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"]
            .iter()
            .any(|word| name.starts_with(word))
            && !name.contains("APACHE");
        if (is_notice || (is_licence && !under_preferred))
            && let Ok(own) = fs::read_to_string(entry.path())
        {
            texts.insert(own.replace("\r\n", "\n").trim().to_owned());
        }
    }
    Ok(texts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_packages_are_found() {
        let found = |line: &str| imported(line);
        assert_eq!(found("import { mount } from 'svelte';").as_deref(), Some("svelte"));
        let scoped = "import { invoke } from \"@tauri-apps/api/core\";";
        assert_eq!(found(scoped).as_deref(), Some("@tauri-apps/api"));
        assert_eq!(found("import type { A } from 'x';"), None);
        assert_eq!(found("import { a } from './a';"), None);
    }
}
