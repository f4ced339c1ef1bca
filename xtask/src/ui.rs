//! The pages: their packages from npm, and their build. Done again only when something changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    children::Children,
    repository,
    terminal::{Watch, say},
};

/// npm, in a folder of the repository.
pub(crate) fn npm(folder: &str, arguments: &[&str]) -> Command {
    let mut command = Children::command("npm");
    command.args(arguments).current_dir(repository::path(folder));
    command
}

/// Fetches the packages that `folder` names, if they are not there as its lock file has them.
pub(crate) fn fetch(children: &Children, folder: &str) -> Result<()> {
    let lock = repository::path(folder).join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = repository::path(folder).join("node_modules/.fetched-for.json");
    if fs::read(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    let watch = Watch::start();
    say(&format!("Fetching the npm packages of {folder} (about 20 s) ..."));
    // No package runs a script of its own here.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    children.succeed(&mut npm(folder, &arguments))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    say(&format!("  done in {}", watch.words()));
    Ok(())
}

/// Builds the pages of app and portal, if they are not newer than what they are built from.
pub(crate) fn build(children: &Children) -> Result<()> {
    let stamp = repository::path("ui/node_modules/.built");
    let built = fs::metadata(&stamp).and_then(|file| file.modified()).ok();
    let is_current = match built {
        Some(built) => repository::path("ui/dist").is_dir() && built >= newest(Path::new("ui"))?,
        None => false,
    };
    if is_current {
        return Ok(());
    }
    let watch = Watch::start();
    say("Building the pages (about 10 s) ...");
    let log = children.output(&mut npm("ui", &["run", "build", "--silent"]));
    if let Err(error) = log {
        bail!("the pages do not build: {error:#}");
    }
    fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
    say(&format!("  done in {}", watch.words()));
    Ok(())
}

/// When the youngest file below `folder` was changed, what is fetched and built left out.
fn newest(folder: &Path) -> Result<SystemTime> {
    let files: Vec<PathBuf> = repository::files(&repository::root().join(folder), &|_| true)?;
    let changed = files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok());
    changed.max().context("there are no pages to build")
}
