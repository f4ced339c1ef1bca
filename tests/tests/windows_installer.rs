//! The installer, on a Windows that Wine plays: installed, upgraded, repaired, refused and
//! uninstalled, as a deployment tool does it; registry, services and files compared before and
//! after.
#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tests::lab::wine::{self, Wine, difference};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// `cargo xtask test` packs the same programs under this version too.
const NEXT: &str = "0.1.1";
/// And under this one with a service that does not start.
const BROKEN: &str = "0.1.2";
const SERVICE: &str = "https://unlock.example.org";
const TENANT: &str = "01890000-0000-7000-8000-000000000001";
const TOKEN: &str = "fleet-token";
/// `ERROR_INSTALL_FAILURE`, of which Wine hands on the last byte.
const FAILED: i32 = 1603 & 0xFF;

/// A PC with an installer on its drive.
struct Pc {
    wine: Wine,
}

impl Pc {
    fn new() -> Self {
        let wine = windows_of(22631);
        for version in [VERSION, NEXT, BROKEN] {
            let package = wine::package(&format!("regain-{version}.msi")).unwrap();
            wine.write(&format!(r"C:\{version}.msi"), fs::read(package).unwrap()).unwrap();
        }
        // What Windows Installer leaves for itself after its first use is not ours.
        let pc = Self { wine };
        assert_eq!(pc.msiexec(&["/i", r"C:\0.1.1.msi", "SERVICE_URL=https://x.example"]), 0);
        assert_eq!(pc.msiexec(&["/x", r"C:\0.1.1.msi"]), 0);
        pc
    }

    fn msiexec(&self, arguments: &[&str]) -> i32 {
        let mut command = self.wine.command("msiexec");
        command.args(arguments).args(["/qn", "/norestart", "/l*v", r"C:\install.log"]);
        let (status, _) = self.wine.try_run(&mut command, "").unwrap();
        status.code().unwrap()
    }

    fn folder(&self, version: &str) -> PathBuf {
        self.wine.path(&format!(r"C:\Program Files\Regain\{version}")).unwrap()
    }

    fn host_state(&self) -> Option<u32> {
        self.wine.service_state("regain-host").unwrap()
    }

    /// It runs (4) where the package holds it.
    fn wants_host(&self, version: &str) -> Option<u32> {
        self.folder(version).join("regain-host.exe").is_file().then_some(4)
    }

    fn setting(&self, name: &str) -> Option<String> {
        let registry = self.registry();
        registry.get(r"Software\Regain\Regain")?.iter().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim_matches('"') == name).then(|| value.trim_matches('"').to_owned())
        })
    }

    fn registry(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.wine.registry().unwrap()
    }

    /// Everything that could be left behind, without this test's own files and what Windows
    /// Installer notes by itself.
    fn snapshot(&self) -> BTreeSet<String> {
        let mut all = self.wine.snapshot().unwrap();
        all.retain(|line| !line.contains("install.log") && !line.contains(r"\SourceList"));
        all
    }
}

/// A Windows that says it is of this build.
fn windows_of(build: u32) -> Wine {
    let wine = Wine::start().unwrap();
    let mut command = wine.command("reg");
    command.args(["add", r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "/f"]);
    command.args(["/v", "CurrentBuildNumber", "/d", &build.to_string()]);
    wine.run(&mut command, "").unwrap();
    wine
}

#[test]
fn installed_upgraded_repaired_and_gone_without_a_trace() {
    let pc = Pc::new();
    let before = pc.snapshot();

    let settings = [
        format!("SERVICE_URL={SERVICE}"),
        format!("TENANT_ID={TENANT}"),
        format!("FLEET_TOKEN={TOKEN}"),
    ];
    let install = [&["/i", r"C:\0.1.0.msi"][..], &settings.each_ref().map(String::as_str)].concat();
    assert_eq!(pc.msiexec(&install), 0);
    for file in ["regain.exe", "WebView2Loader.dll"] {
        assert!(pc.folder(VERSION).join(file).is_file(), "{file}");
    }
    assert_eq!(pc.setting("Service").as_deref(), Some(SERVICE));
    assert_eq!(pc.setting("Tenant").as_deref(), Some(TENANT));
    assert_eq!(pc.setting("FleetToken").as_deref(), Some(TOKEN));
    let app = r"C:\Program Files\Regain\0.1.0\regain.exe";
    let said = pc.wine.run(pc.wine.command(app).arg("--version"), "").unwrap();
    assert_eq!(said.trim(), format!("regain {VERSION}"));
    assert_eq!(pc.host_state(), pc.wants_host(VERSION));

    // The next version takes over what this one was told, and its folder goes.
    assert_eq!(pc.msiexec(&["/i", r"C:\0.1.1.msi"]), 0);
    assert!(pc.folder(NEXT).join("regain.exe").is_file());
    assert!(!pc.folder(VERSION).exists());
    assert_eq!(pc.setting("Service").as_deref(), Some(SERVICE));
    assert_eq!(pc.setting("Tenant").as_deref(), Some(TENANT));
    assert_eq!(pc.setting("FleetToken"), None, "it was for enrolment");
    assert_eq!(pc.host_state(), pc.wants_host(NEXT));

    // An older one is refused, and changes nothing.
    let upgraded = pc.snapshot();
    assert_eq!(pc.msiexec(&["/i", r"C:\0.1.0.msi"]), FAILED);
    assert_eq!(difference(&upgraded, &pc.snapshot()), Vec::<String>::new());

    // What was taken away or damaged comes back.
    let [app, loader] = ["regain.exe", "WebView2Loader.dll"].map(|it| pc.folder(NEXT).join(it));
    let whole = fs::read(&loader).unwrap();
    fs::remove_file(&app).unwrap();
    fs::write(&loader, "damaged").unwrap();
    let repair = ["/i", r"C:\0.1.1.msi", "REINSTALL=ALL", "REINSTALLMODE=amus"];
    assert_eq!(pc.msiexec(&repair), 0);
    assert!(app.is_file() && fs::read(&loader).unwrap() == whole);
    assert_eq!(difference(&upgraded, &pc.snapshot()), Vec::<String>::new());

    assert_eq!(pc.msiexec(&["/x", r"C:\0.1.1.msi"]), 0);
    assert_eq!(difference(&before, &pc.snapshot()), Vec::<String>::new());
}

/// The tile without its service would be a tile that does nothing.
#[test]
fn a_service_that_does_not_start_leaves_no_tile() {
    let pc = Pc::new();
    let before = pc.snapshot();
    assert_ne!(pc.msiexec(&["/i", r"C:\0.1.2.msi", "SERVICE_URL=https://x.example"]), 0);
    let mut left = difference(&before, &pc.snapshot());
    // Wine rolls back everything but its own list of components.
    left.retain(|line| !line.contains(r"\Installer\UserData\S-1-5-18\Components\"));
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn nothing_is_set_that_was_not_given() {
    let pc = Pc::new();
    assert_eq!(pc.msiexec(&["/i", r"C:\0.1.0.msi"]), 0);
    assert_eq!(pc.setting("Service"), None);
    assert_eq!(pc.setting("FleetToken"), None);
}

#[test]
fn a_windows_that_is_too_old_is_refused() {
    let wine = windows_of(18363);
    let package = wine::package(&format!("regain-{VERSION}.msi")).unwrap();
    wine.write(r"C:\r.msi", fs::read(package).unwrap()).unwrap();
    let mut install = wine.command("msiexec");
    let (status, _) = wine.try_run(install.args(["/i", r"C:\r.msi", "/qn"]), "").unwrap();
    assert_eq!(status.code(), Some(FAILED));
    assert!(!wine.path(r"C:\Program Files\Regain").unwrap().exists());
}

/// The order that nothing may break: the registry, with the tile in it, is written when the
/// service runs and cleared before it stops; the version before goes within the transaction.
#[test]
fn the_tile_is_registered_last_and_unregistered_first() {
    let package = wine::package(&format!("regain-{VERSION}.msi")).unwrap();
    let exported = Command::new("msiinfo")
        .arg("export")
        .arg(&package)
        .arg("InstallExecuteSequence")
        .output()
        .unwrap();
    let text = String::from_utf8(exported.stdout).unwrap();
    let at = |action: &str| -> u32 {
        let line = text.lines().find(|line| line.split('\t').next() == Some(action)).unwrap();
        line.trim_end().rsplit('\t').next().unwrap().parse().unwrap()
    };
    assert!(at("WriteRegistryValues") > at("InstallFiles"));
    assert!(at("WriteRegistryValues") > 5900, "after StartServices");
    assert!(at("RemoveRegistryValues") < 1900, "before StopServices");
    assert!(at("RemoveRegistryValues") < at("RemoveFiles"));
    let transaction = at("InstallInitialize")..at("InstallFinalize");
    assert!(transaction.contains(&at("RemoveExistingProducts")));
}

/// Signed with a throw-away key, which only whoever names it believes.
#[test]
fn the_package_and_what_is_in_it_are_signed() {
    let folder = wine::package("certificate.pem").unwrap();
    let verify = |file: &Path, certificate: Option<&Path>| {
        let mut command = Command::new("osslsigncode");
        command.arg("verify").arg("-in").arg(file);
        if let Some(certificate) = certificate {
            command.arg("-CAfile").arg(certificate);
        }
        command.output().unwrap()
    };
    let package = wine::package(&format!("regain-{VERSION}.msi")).unwrap();
    let believed = verify(&package, Some(&folder));
    assert!(believed.status.success(), "{}", String::from_utf8_lossy(&believed.stdout));
    assert!(!verify(&package, None).status.success(), "nobody knows this key");

    let scratch = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(scratch.path());
        assert!(command.output().unwrap().status.success(), "{program}");
    };
    run("msiextract", &["--directory", ".", &package.display().to_string()]);
    let mut extracted = BTreeSet::new();
    wine::files(scratch.path(), &mut extracted).unwrap();
    let app = extracted.iter().find(|path| path.ends_with("regain.exe")).unwrap();
    let believed = verify(Path::new(app), Some(&folder));
    assert!(believed.status.success(), "{}", String::from_utf8_lossy(&believed.stdout));

    // A byte that somebody changed is noticed.
    let mut changed = fs::read(app).unwrap();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(app, changed).unwrap();
    assert!(!verify(Path::new(app), Some(&folder)).status.success());
}

/// The bill of materials names what is in the app.
#[test]
fn the_bill_of_materials_names_what_is_inside() {
    let bill = fs::read(wine::package("regain.cdx.json").unwrap()).unwrap();
    let bill: serde_json::Value = serde_json::from_slice(&bill).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    let purls: BTreeSet<&str> =
        components.iter().filter_map(|component| component["purl"].as_str()).collect();
    assert_eq!(purls.len(), components.len(), "each once");
    let names = |name: &str| purls.iter().any(|purl| purl.starts_with(name));
    for inside in ["pkg:cargo/regain@", "pkg:cargo/tauri@", "pkg:cargo/rustls@", "pkg:npm/svelte@"]
    {
        assert!(names(inside), "{inside}");
    }
    for outside in ["pkg:cargo/axum@", "pkg:cargo/webkit2gtk@", "pkg:cargo/proptest@"] {
        assert!(!names(outside), "{outside}");
    }
}
