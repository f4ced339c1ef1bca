//! The app's settings on Windows, which Wine plays: read from the registry, policies over
//! preferences, through the same table as everywhere. Wine has no webview, so what is looked at is
//! where the app does not get that far.
#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::fs;

use tests::lab::wine::{self, Wine};

const POLICIES: &str = r"HKLM\SOFTWARE\Policies\Regain\Regain";
const PREFERENCES: &str = r"HKLM\SOFTWARE\Regain\Regain";
const APP: &str = r"C:\regain\regain.exe";

/// A PC with the app.
struct Pc(Wine);

impl Pc {
    fn new() -> Self {
        let wine = Wine::start().unwrap();
        for file in ["regain.exe", "WebView2Loader.dll"] {
            let built = fs::read(wine::built(file).unwrap()).unwrap();
            wine.write(&format!(r"C:\regain\{file}"), built).unwrap();
        }
        Self(wine)
    }

    fn set(&self, key: &str, name: &str, kind: &str, value: &str) {
        let mut command = self.0.command("reg");
        command.args(["add", key, "/f", "/v", name, "/t", kind, "/d", value]);
        self.0.run(&mut command, "").unwrap();
    }

    fn clear(&self, key: &str, name: &str) {
        self.0.run(self.0.command("reg").args(["delete", key, "/f", "/v", name]), "").unwrap();
    }

    /// Why the app does not start.
    fn refusal(&self) -> String {
        let (status, said) = self.0.try_run(&mut self.0.command(APP), "").unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        said.replace('\r', "")
    }
}

#[test]
fn the_registry_is_read_policies_first_and_a_mistake_names_its_value() {
    let pc = Pc::new();
    let said = pc.refusal();
    let place = r"HKLM\SOFTWARE\Policies\Regain\Regain";
    assert!(said.contains(&format!("{place}: Service: is missing")), "{said}");
    assert!(said.contains("Service (REG_SZ) https://unlock.example.org"), "{said}");

    // What the installer wrote is enough, and named as what it is when it is wrong.
    pc.set(PREFERENCES, "Service", "REG_SZ", "http://unlock.example.org");
    let said = pc.refusal();
    assert!(said.contains(r"HKLM\SOFTWARE\Regain\Regain: Service:"), "{said}");
    assert!(said.contains("not encrypted"), "{said}");

    // A policy comes before it; the next mistake is the one that is named then.
    pc.set(POLICIES, "Service", "REG_SZ", "https://unlock.example.org");
    pc.set(POLICIES, "Tenant", "REG_SZ", "nonsense");
    let said = pc.refusal();
    assert!(said.contains(&format!("{place}: Tenant:")) && !said.contains("Service:"), "{said}");

    // A wrong policy is not filled with what stands below it.
    pc.set(PREFERENCES, "Tenant", "REG_SZ", "01890000-0000-7000-8000-000000000001");
    assert!(pc.refusal().contains(&format!("{place}: Tenant:")));
    pc.clear(POLICIES, "Tenant");

    // Each kind of value, and the wrong kind of it.
    pc.set(POLICIES, "DirectoryKeys", "REG_SZ", "AAECAwQFBgcICQoLDA0ODw");
    assert!(pc.refusal().contains("DirectoryKeys: is a text"));
    pc.set(POLICIES, "DirectoryKeys", "REG_MULTI_SZ", r"AAECAwQFBgcICQoLDA0ODw\0short");
    assert!(pc.refusal().contains("DirectoryKeys: \"short\" is no fingerprint"));
    pc.set(POLICIES, "DirectoryKeys", "REG_MULTI_SZ", "AAECAwQFBgcICQoLDA0ODw");
    pc.set(POLICIES, "Proxy", "REG_DWORD", "8080");
    // Only drawn: named as well, and changes nothing.
    pc.set(POLICIES, "Language", "REG_SZ", "xx");
    pc.set(POLICIES, "Tennant", "REG_SZ", "x");
    let said = pc.refusal();
    assert!(said.contains("Proxy: is a number"), "{said}");
}
