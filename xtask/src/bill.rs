//! The bill of materials: every crate and npm package that is in the programs for Windows, as a
//! CycloneDX document, from `cargo metadata` and the lock files.
//!
//! Written here, because what there is beside it lists a workspace with everything that tests and
//! builds use as well, and takes minutes to compile.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    children::Children,
    licences::{self, Linked},
    notices, repository,
    windows::TARGET,
};

/// Whose programs the installer holds.
const SHIPPED: [&str; 3] = ["regain", "regain-host", "credential-provider"];

pub(crate) fn write(children: &Children, to: &Path) -> Result<()> {
    let metadata = licences::metadata(children, Some(TARGET))?;
    let linked = Linked::below(&metadata, &SHIPPED)?;
    let npm: Vec<(String, String, String)> = notices::npm_packages()?
        .into_iter()
        .map(|part| (part.name.replace(" (npm)", ""), part.version, part.licence))
        .collect();
    let bill = bill(&linked, &checksums(&repository::read("Cargo.lock")?), &npm);
    fs::write(to, serde_json::to_string_pretty(&bill)?)
        .with_context(|| format!("cannot write {}", to.display()))
}

fn bill(
    linked: &Linked<'_>,
    checksums: &BTreeMap<(String, String), String>,
    npm: &[(String, String, String)],
) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let reference = |package: &Value| {
        format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]))
    };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (package, needs) in linked.packages() {
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let own = package["source"].is_null();
        let mut component = json!({
            "type": if own { "application" } else { "library" },
            "bom-ref": reference(package),
            "name": name,
            "version": version,
            "licenses": [{ "expression": text(&package["license"]).replace('/', " OR ") }],
            "purl": reference(package),
        });
        if let Some(sum) = checksums.get(&(name, version)) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        components.push(component);
        let needs: BTreeSet<String> = needs.into_iter().map(reference).collect();
        dependencies.push(json!({ "ref": reference(package), "dependsOn": needs }));
    }
    for (name, version, licence) in npm {
        let reference = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
        components.push(json!({
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": version,
            "licenses": [{ "expression": licence }],
            "purl": reference,
        }));
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "regain",
                "name": "Regain for Windows",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

/// The checksum of each crate's archive.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]");
    let found = |block| {
        let id = (value(block, "name")?, value(block, "version")?);
        Some((id, value(block, "checksum")?))
    };
    blocks.filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Value {
        let crate_ = |id: &str, source: Value| {
            json!({ "id": id, "name": id, "version": "1.0.0", "license": "MIT/Apache-2.0",
                    "source": source })
        };
        let needs = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [
                crate_("regain", Value::Null),
                crate_("linked", json!("registry")),
                crate_("for-tests", json!("registry")),
            ],
            "resolve": { "nodes": [
                { "id": "regain", "deps": [
                    needs("linked", Value::Null), needs("for-tests", json!("dev"))
                ] },
                { "id": "linked", "deps": [] },
                { "id": "for-tests", "deps": [] },
            ] },
        })
    }

    #[test]
    fn what_is_linked_is_listed_with_licence_checksum_and_needs() {
        let metadata = example();
        let linked = Linked::below(&metadata, &["regain"]).unwrap();
        let lock = "[[package]]\nname = \"linked\"\nversion = \"1.0.0\"\nchecksum = \"ab12\"\n";
        let npm = vec![("@x/y".to_owned(), "2.0.0".to_owned(), "MIT".to_owned())];
        let bill = bill(&linked, &checksums(lock), &npm);
        let of = |name: &str| {
            let all = bill["components"].as_array().unwrap();
            all.iter().find(|component| component["name"] == name).cloned()
        };
        let linked = of("linked").unwrap();
        assert_eq!(linked["purl"], "pkg:cargo/linked@1.0.0");
        assert_eq!(linked["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(linked["hashes"][0]["content"], "ab12");
        assert_eq!(of("for-tests"), None);
        assert_eq!(of("@x/y").unwrap()["purl"], "pkg:npm/%40x/y@2.0.0");
        let ours = &bill["dependencies"].as_array().unwrap()[1];
        assert_eq!(ours["ref"], "pkg:cargo/regain@1.0.0");
        assert_eq!(ours["dependsOn"], json!(["pkg:cargo/linked@1.0.0"]));
    }
}
