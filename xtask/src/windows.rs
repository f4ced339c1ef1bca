//! `cargo xtask windows`: the programs for Windows and their installer, built here.
//!
//! Debian's Rust for its web browsers carries the source of its standard library, which is built
//! along for Windows; nothing else can be had without a download. Where rustup has the target,
//! that is taken.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    bill,
    children::Children,
    installer::{Package, Signing},
    repository,
    setup::{Needs, Setup},
    terminal::{Watch, say, say_heading},
};

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
/// Debian's compiler, beside any other one.
const RUSTC: &str = "/usr/bin/rustc";
/// What runs on Windows, and the profile that it is released with. Each is built alone, so that
/// none is linked with what another one asks of a crate that both use.
const PACKAGES: [(&str, &str); 2] = [("regain-agent", "release"), ("regain", "app")];
/// The version that tests upgrade to.
const NEXT: &str = "0.1.1";

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// As people get it: small and slow to build.
    pub(crate) release: bool,
    /// What the stories install, and nothing else.
    pub(crate) for_tests: bool,
    /// The PKCS#12 file to sign with; the file with its password is in REGAIN_SIGN_PASSWORD_FILE.
    pub(crate) sign_with: Option<PathBuf>,
    pub(crate) timestamp: Option<String>,
}

pub(crate) fn run(setup: &Setup<'_>, wishes: &Wishes) -> Result<()> {
    let watch = Watch::start();
    let signing = signing(wishes)?;
    setup.run(&Needs::windows())?;
    say_heading("Compiling for Windows (about 12 minutes the first time)");
    build(setup.children, wishes.release && !wishes.for_tests)?;
    say_heading("Packing");
    if wishes.for_tests {
        return pack_for_tests(setup.children);
    }
    let to = repository::target().join("windows");
    let (programs, gathered) = if wishes.release {
        // Each profile has a folder of its own.
        let gathered = to.join("programs");
        gather_released(&gathered)?;
        (gathered.clone(), Some(gathered))
    } else {
        (built("debug"), None)
    };
    fs::create_dir_all(&to)?;
    let version = env!("CARGO_PKG_VERSION");
    let signing = signing.as_ref();
    let package = Package { version, programs: &programs, folder: &to, signing };
    let package = package.make(setup.children)?;
    if let Some(gathered) = gathered {
        fs::remove_dir_all(gathered)?;
    }
    let bill = to.join(format!("regain-{version}.cdx.json"));
    bill::write(setup.children, &bill)?;
    copy_policy(&to.join("policy"))?;
    let size = fs::metadata(&package)?.len();
    say(&format!(
        "{} ({:.1} MB, {}), its bill of materials and the policy templates beside it. Together: {}",
        package.display(),
        size as f64 / 1e6,
        if signing.is_some() { "signed" } else { "not signed" },
        watch.words()
    ));
    Ok(())
}

fn signing(wishes: &Wishes) -> Result<Option<Signing>> {
    let Some(key) = wishes.sign_with.clone() else { return Ok(None) };
    ensure!(key.is_file(), "{} is no file", key.display());
    let password = env::var_os("REGAIN_SIGN_PASSWORD_FILE")
        .context("REGAIN_SIGN_PASSWORD_FILE must name the file with the key's password")?;
    let timestamp = wishes.timestamp.clone();
    Ok(Some(Signing { key, password: password.into(), timestamp }))
}

/// Builds them into a folder of their own: another compiler, another target.
pub(crate) fn build(children: &Children, release: bool) -> Result<()> {
    for (package, profile) in PACKAGES {
        let mut command = Children::command(repository::cargo());
        command.current_dir(repository::root());
        if !rustup_has_it(children) {
            ensure!(Path::new(RUSTC).exists(), "{RUSTC} is missing: cargo xtask setup");
            command
                // Building the standard library along is no stable feature.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTC", RUSTC)
                .env("RUSTDOC", "/usr/bin/rustdoc")
                .arg("-Zbuild-std=std,panic_unwind,panic_abort");
        }
        command
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc")
            .env("CARGO_TARGET_DIR", folder())
            .args(["build", "--quiet", "--target", TARGET, "--package", package]);
        if release {
            command.args(["--profile", profile]);
        }
        children.succeed(&mut command)?;
    }
    Ok(())
}

/// The packages that the stories install: this version and the next, signed with a key that is
/// made for it.
pub(crate) fn pack_for_tests(children: &Children) -> Result<()> {
    let packages = folder().join("packages");
    let signing = Signing::throw_away(children, &packages)?;
    for version in [env!("CARGO_PKG_VERSION"), NEXT] {
        let programs = built("debug");
        let signing = Some(&signing);
        Package { version, programs: &programs, folder: &packages, signing }.make(children)?;
    }
    bill::write(children, &packages.join("regain.cdx.json"))
}

fn gather_released(to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    // The app's profile comes last: what both built is the app's.
    for profile in ["release", "app"] {
        for entry in fs::read_dir(built(profile))?.flatten() {
            let path = entry.path();
            let kind = path.extension().is_some_and(|it| it == "exe" || it == "dll");
            if kind && let Some(name) = path.file_name() {
                fs::copy(&path, to.join(name))?;
            }
        }
    }
    Ok(())
}

fn copy_policy(to: &Path) -> Result<()> {
    for file in ["regain.admx", "en-US/regain.adml", "de-DE/regain.adml"] {
        let copy = to.join(file);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(repository::path("installer/policy").join(file), copy)?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    repository::target().join("windows-build")
}

fn built(profile: &str) -> PathBuf {
    folder().join(TARGET).join(profile)
}

fn rustup_has_it(children: &Children) -> bool {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    children.output(&mut ask).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}
