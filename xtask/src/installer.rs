//! The installer for Windows: what was built for it, put into an MSI by wixl after
//! installer/regain.wxs, and signed where there is a key. What wixl 0.101 has no element for is
//! written into the finished database.
//!
//! It builds no program and decides nothing about what is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{children::Children, repository};

/// What the tile's DLL is registered as: the class of crates/credential-provider.
const CLSID: &str = "{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";
/// Without these there is no product; the others are left out while they are not built.
const NEEDED: [&str; 2] = ["regain.exe", "WebView2Loader.dll"];
/// Not ours to strip and to sign: it is signed by those who made it.
const MICROSOFTS: &str = "WebView2Loader.dll";

/// Written into the finished database.
const BEYOND_WIXL: [&str; 10] = [
    // Searched before the conditions are looked at: Windows Installer itself calls every Windows
    // since 8.1 by the same number.
    r"INSERT INTO `RegLocator` (`Signature_`, `Root`, `Key`, `Name`, `Type`) VALUES ('WindowsBuild', 2, 'SOFTWARE\Microsoft\Windows NT\CurrentVersion', 'CurrentBuildNumber', 18)",
    r"INSERT INTO `RegLocator` (`Signature_`, `Root`, `Key`, `Name`, `Type`) VALUES ('ServiceUrl', 2, 'SOFTWARE\Regain\Regain', 'Service', 18)",
    r"INSERT INTO `RegLocator` (`Signature_`, `Root`, `Key`, `Name`, `Type`) VALUES ('TenantId', 2, 'SOFTWARE\Regain\Regain', 'Tenant', 18)",
    "INSERT INTO `AppSearch` (`Property`, `Signature_`) VALUES ('WINDOWS_BUILD', 'WindowsBuild')",
    "INSERT INTO `AppSearch` (`Property`, `Signature_`) VALUES ('SAVED_SERVICE_URL', 'ServiceUrl')",
    "INSERT INTO `AppSearch` (`Property`, `Signature_`) VALUES ('SAVED_TENANT_ID', 'TenantId')",
    "UPDATE `Component` SET `Condition` = 'SERVICE_URL OR REMOVE' WHERE `Component` = 'ServiceUrl'",
    "UPDATE `Component` SET `Condition` = 'TENANT_ID OR REMOVE' WHERE `Component` = 'TenantId'",
    "UPDATE `Component` SET `Condition` = 'FLEET_TOKEN OR REMOVE' WHERE `Component` = 'FleetToken'",
    // Run by a rollback (256), deferred (1024), as the system (2048), whatever it returns (64).
    "UPDATE `CustomAction` SET `Type` = 3410 WHERE `Action` = 'UndoHost'",
];
/// What may pass from the person who installs to the installing service.
const SECURE: &str = "UPDATE `Property` SET `Value` = 'WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;\
     SERVICE_URL;TENANT_ID;FLEET_TOKEN;SAVED_SERVICE_URL;SAVED_TENANT_ID;WINDOWS_BUILD' \
     WHERE `Property` = 'SecureCustomProperties'";

/// With what to sign.
#[derive(Debug)]
pub(crate) struct Signing {
    /// A PKCS#12 file with key and certificates.
    pub(crate) key: PathBuf,
    /// A file with its password alone: a command line is there for all to read.
    pub(crate) password: PathBuf,
    /// The server that says when it was signed (RFC 3161).
    pub(crate) timestamp: Option<String>,
}

/// A package to be.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    /// Three numbers: Windows Installer compares no more.
    pub(crate) version: &'a str,
    /// What belongs in it: its name there, and where it was built.
    pub(crate) files: &'a [(&'static str, PathBuf)],
    /// Where it is put.
    pub(crate) folder: &'a Path,
    pub(crate) signing: Option<&'a Signing>,
}

impl Package<'_> {
    /// Makes it; where it is.
    pub(crate) fn make(&self, children: &Children) -> Result<PathBuf> {
        let stage = self.folder.join(format!("files-{}", self.version));
        let _ = fs::remove_dir_all(&stage);
        fs::create_dir_all(&stage).with_context(|| format!("cannot make {}", stage.display()))?;
        let absent = self.gather(children, &stage)?;
        let source = without(&repository::read("installer/regain.wxs")?, &absent);
        fs::write(stage.join("regain.wxs"), source)?;

        let name = format!("regain-{}.msi", self.version);
        let package = self.folder.join(&name);
        let mut wixl = Children::command("wixl");
        wixl.current_dir(&stage)
            .args(["-a", "x64", "-o", &format!("../{name}")])
            .args(["-D", &format!("Version={}", self.version)])
            .args(["-D", &format!("ProductCode={}", product_code(self.version)?)])
            .args(["-D", &format!("Clsid={CLSID}"), "regain.wxs"]);
        children.succeed(&mut wixl)?;
        let mut msibuild = Children::command("msibuild");
        msibuild.arg(&package).arg("-q").args(BEYOND_WIXL).arg(SECURE);
        children.succeed(&mut msibuild)?;
        if let Some(signing) = self.signing {
            signing.sign(children, &package)?;
        }
        fs::remove_dir_all(&stage)?;
        Ok(package)
    }

    /// Copies what was built, without what only a debugger reads, and signs it. What is absent.
    fn gather(&self, children: &Children, stage: &Path) -> Result<Vec<&'static str>> {
        let mut absent = Vec::new();
        for (name, built) in self.files {
            if !built.is_file() {
                ensure!(!NEEDED.contains(name), "{} is not built", built.display());
                absent.push(*name);
                continue;
            }
            let file = stage.join(name);
            if *name == MICROSOFTS {
                fs::copy(built, &file)?;
                continue;
            }
            let mut strip = Children::command("x86_64-w64-mingw32-strip");
            children.succeed(strip.arg("-o").args([&file, built]))?;
            if let Some(signing) = self.signing {
                signing.sign(children, &file)?;
            }
        }
        Ok(absent)
    }
}

impl Signing {
    fn sign(&self, children: &Children, file: &Path) -> Result<()> {
        let signed = file.with_extension("signed");
        let mut command = Children::command("osslsigncode");
        command.args(["sign", "-h", "sha256", "-n", "Regain"]);
        command.arg("-pkcs12").arg(&self.key).arg("-readpass").arg(&self.password);
        if let Some(server) = &self.timestamp {
            command.args(["-ts", server]);
        }
        command.arg("-in").arg(file).arg("-out").arg(&signed);
        // It says much when all is well.
        children.output(&mut command).map(drop)?;
        fs::rename(&signed, file).with_context(|| format!("cannot replace {}", file.display()))
    }

    /// A key for tests, good for nothing else; its certificate lies beside it.
    pub(crate) fn throw_away(children: &Children, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let [key, certificate, both, password] =
            ["key.pem", "certificate.pem", "key.p12", "password"].map(|name| folder.join(name));
        fs::write(&password, "throw-away")?;
        let mut request = Children::command("openssl");
        request
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"])
            .args(["-subj", "/CN=Regain tests", "-addext", "extendedKeyUsage=codeSigning"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        quietly(children, &mut request)?;
        let mut pack = Children::command("openssl");
        pack.args(["pkcs12", "-export", "-inkey"]).arg(&key).arg("-in").arg(&certificate);
        pack.arg("-out").arg(&both).arg("-passout").arg(format!("file:{}", password.display()));
        quietly(children, &mut pack)?;
        fs::remove_file(&key)?;
        Ok(Self { key: both, password, timestamp: None })
    }
}

/// openssl draws lines while it looks for a prime.
fn quietly(children: &Children, command: &mut Command) -> Result<()> {
    children.succeed(command.stderr(std::process::Stdio::null()))
}

/// The same for the same version, so that the same version is repaired and not added.
fn product_code(version: &str) -> Result<String> {
    let numbers: Vec<u16> =
        version.split('.').map(str::parse).collect::<Result<_, _>>().context("no version")?;
    let [major, minor, patch] = numbers.as_slice() else {
        anyhow::bail!("{version} is not three numbers");
    };
    Ok(format!("7D0DAE54-47DC-4A4A-87EC-{major:04X}{minor:04X}{patch:04X}"))
}

/// The source without the blocks of what is absent.
fn without(source: &str, absent: &[&str]) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in source.lines() {
        let mark =
            |word: &str| absent.iter().any(|name| line.trim() == format!("<!-- {word} {name} -->"));
        inside |= mark("begin");
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !mark("end");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_leave_nothing_behind() {
        let source = repository::read("installer/regain.wxs").unwrap();
        assert_eq!(without(&source, &[]), source);
        let left = without(&source, &["regain-host.exe", "regain_credential_provider.dll"]);
        for word in ["ServiceInstall", "Credential Providers", "\"Host\"", "\"Tile\""] {
            assert!(source.contains(word) && !left.contains(word), "{word}");
        }
        assert_eq!(left.matches("<Component ").count(), left.matches("<ComponentRef ").count());
    }

    #[test]
    fn each_version_has_a_product_code_of_its_own() {
        assert_eq!(product_code("0.1.0").unwrap(), "7D0DAE54-47DC-4A4A-87EC-000000010000");
        assert_ne!(product_code("0.1.0").unwrap(), product_code("0.0.1").unwrap());
        assert!(product_code("0.1").is_err() && product_code("0.1.0-rc").is_err());
    }
}
