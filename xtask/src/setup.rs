//! What must be on the machine before anything else: packages, tools, npm's packages and the
//! built pages. Looks first, lists what is missing, asks once.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{
    children::Children,
    packages,
    terminal::{Watch, ask, say, say_heading},
    ui,
};

/// The oldest Node that builds the pages.
const NODE: (u32, u32) = (20, 19);
/// The oldest Rust that compiles this (`rust-version` in Cargo.toml).
const RUST: (u32, u32) = (1, 95);

/// What a command needs.
pub(crate) struct Needs {
    packages: Vec<&'static str>,
    /// The folders whose npm packages are needed.
    npm: Vec<&'static str>,
}

impl Needs {
    /// All that any command needs.
    pub(crate) fn everything() -> Self {
        let lists = [
            packages::BUILD,
            packages::WINDOW,
            packages::DOMAIN,
            packages::KERBEROS,
            packages::BROWSER,
            packages::PARTS,
            packages::WINDOWS,
        ];
        Self { packages: lists.concat(), npm: vec!["ui", "tests/ui"] }
    }

    /// What the packages of service and agent need.
    pub(crate) fn dist() -> Self {
        Self { packages: Vec::new(), npm: vec!["ui"] }
    }

    /// What building for Windows needs.
    pub(crate) fn windows() -> Self {
        Self { packages: packages::WINDOWS.to_vec(), npm: vec!["ui"] }
    }

    /// What the demo needs.
    pub(crate) fn demo(ad: bool, headless: bool) -> Self {
        let mut needed = packages::BUILD.to_vec();
        if headless {
            needed.extend(packages::WINDOW);
        }
        if ad {
            needed.extend(packages::DOMAIN);
        }
        Self { packages: needed, npm: vec!["ui"] }
    }
}

/// Makes the machine ready.
pub(crate) struct Setup<'a> {
    /// Watched over.
    pub(crate) children: &'a Children,
    /// Whether to install without asking.
    pub(crate) yes: bool,
}

impl Setup<'_> {
    /// Looks, lists, asks once, installs, builds the pages.
    pub(crate) fn run(&self, needs: &Needs) -> Result<()> {
        let watch = Watch::start();
        say_heading("Looking at what is here");
        tool("cargo", RUST, "https://rustup.rs")?;
        tool("node", NODE, "https://nodejs.org")?;
        self.install(&needs.packages)?;
        for folder in &needs.npm {
            ui::fetch(self.children, folder)?;
        }
        ui::build(self.children)?;
        say(&format!("Everything is here ({})", watch.words()));
        Ok(())
    }

    fn install(&self, wanted: &[&str]) -> Result<()> {
        let Some(missing) = packages::missing(self.children, wanted)? else {
            return Ok(());
        };
        say("\nThese packages are missing:");
        for line in missing.list() {
            say(&line);
        }
        say(&missing.sizes);
        let yes = self.yes || std::env::var_os("CI").is_some_and(|ci| ci == "true");
        if !yes {
            match ask("Install them now with apt-get?") {
                Some(true) => {}
                Some(false) => bail!("nothing was installed"),
                None => bail!("nobody can answer here: run it again with --yes to install them"),
            }
        }
        say("Installing them (about a minute) ...");
        missing.install(self.children)
    }
}

/// Insists on a tool of at least this version.
fn tool(name: &str, wanted: (u32, u32), place: &str) -> Result<()> {
    let least = format!("{}.{}", wanted.0, wanted.1);
    let output = Command::new(name)
        .arg("--version")
        .output()
        .with_context(|| format!("{name} is not here: install {least} or newer from {place}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said
        .split_ascii_whitespace()
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or_default();
    let mut numbers = version.split('.').filter_map(|number| number.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < wanted {
        bail!("{name} {version} is too old: install {least} or newer from {place}");
    }
    say(&format!("  {name} {version}"));
    Ok(())
}
