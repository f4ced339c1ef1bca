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
/// What tests run, and what people get. Each is built alone, so that none is linked with what
/// another one asks of a crate that both use.
const TESTED: [&[&str]; 6] = [
    &["build", "--package", "regain-agent"],
    &["build", "--package", "regain-host", "--bins", "--examples"],
    &["build", "--package", "regain"],
    &["build", "--package", "logon-ui"],
    // Tests break it.
    &[
        "rustc",
        "--package",
        "credential-provider",
        "--crate-type",
        "cdylib",
        "--features",
        "harness",
    ],
    TILE,
];
const RELEASED: [&[&str]; 4] = [
    &["build", "--release", "--package", "regain-agent"],
    &["build", "--release", "--package", "regain-host"],
    &["build", "--profile", "app", "--package", "regain"],
    TILE,
];
/// The tile, tested and measured as it is shipped: small, because LogonUI loads it each time. As a
/// DLL alone: of a library that other crates could use as well nothing is left out.
const TILE: &[&str] = &[
    "rustc",
    "--release",
    "--package",
    "credential-provider",
    "--crate-type",
    "cdylib",
    "--",
    "-Copt-level=s",
    "-Clto=fat",
    "-Ccodegen-units=1",
];
/// What the host's memory is compared with.
const EMPTY_SERVICE: &[&str] =
    &["build", "--release", "--package", "regain-host", "--example", "empty_service"];
/// What the installer holds, and the profiles that it is tested and released in.
const INSTALLED: [(&str, &str, &str); 4] = [
    ("regain.exe", "debug", "app"),
    ("WebView2Loader.dll", "debug", "app"),
    ("regain-host.exe", "debug", "release"),
    // Tests break the other one.
    ("regain_credential_provider.dll", "release", "release"),
];
/// Most bytes of a package that people get.
const LARGEST: u64 = 15_000_000;
/// The version that tests upgrade to.
const NEXT: &str = "0.1.1";
/// One whose service does not start: another program is in its place.
const BROKEN: &str = "0.1.2";

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
    let to = repository::target().join("windows");
    if wishes.for_tests {
        build(setup.children)?;
        say_heading("Packing");
        return pack_for_tests(setup.children);
    }
    for what in if wishes.release { &RELEASED[..] } else { &TESTED[..] } {
        compile(setup.children, what)?;
    }
    say_heading("Packing");
    fs::create_dir_all(&to)?;
    let version = env!("CARGO_PKG_VERSION");
    let signing = signing.as_ref();
    let package = Package { version, files: &files(wishes.release), folder: &to, signing };
    let package = package.make(setup.children)?;
    let bill = to.join(format!("regain-{version}.cdx.json"));
    bill::write(setup.children, &bill)?;
    copy_policy(&to.join("policy"))?;
    let size = fs::metadata(&package)?.len();
    // The other build is for tests, with everything that a debugger reads.
    ensure!(
        !wishes.release || size <= LARGEST,
        "{} has {size} bytes, more than the {LARGEST} that it may have",
        package.display()
    );
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

/// The installer as people get it.
pub(crate) fn package() -> PathBuf {
    repository::target().join(format!("windows/regain-{}.msi", env!("CARGO_PKG_VERSION")))
}

/// Makes the installer as people get it, and the service that the host is compared with.
pub(crate) fn package_for_bench(setup: &Setup<'_>) -> Result<()> {
    run(setup, &Wishes { release: true, ..Wishes::default() })?;
    compile(setup.children, EMPTY_SERVICE)
}

/// Builds what tests run.
pub(crate) fn build(children: &Children) -> Result<()> {
    TESTED.into_iter().try_for_each(|what| compile(children, what))
}

/// Into a folder of its own: another compiler, another target.
fn compile(children: &Children, what: &[&str]) -> Result<()> {
    let (verb, rest) = what.split_first().context("nothing to compile")?;
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
        .args([verb, "--quiet", "--target", TARGET])
        .args(rest);
    children.succeed(&mut command)
}

/// What is to be installed, and where it was built.
fn files(release: bool) -> Vec<(&'static str, PathBuf)> {
    let built = |(name, tested, released)| {
        let profile = if release { released } else { tested };
        (name, folder().join(TARGET).join(profile).join(name))
    };
    INSTALLED.map(built).into()
}

/// The packages that the stories install: this version and the next, signed with a key that is
/// made for it.
pub(crate) fn pack_for_tests(children: &Children) -> Result<()> {
    let packages = folder().join("packages");
    let signing = Signing::throw_away(children, &packages)?;
    for version in [env!("CARGO_PKG_VERSION"), NEXT, BROKEN] {
        let mut files = files(false);
        if version == BROKEN {
            files.retain(|(name, _)| *name != "regain-host.exe");
            let agent = folder().join(TARGET).join("debug/regain-agent.exe");
            files.push(("regain-host.exe", agent));
        }
        let signing = Some(&signing);
        Package { version, files: &files, folder: &packages, signing }.make(children)?;
    }
    bill::write(children, &packages.join("regain.cdx.json"))
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

fn rustup_has_it(children: &Children) -> bool {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    children.output(&mut ask).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}
