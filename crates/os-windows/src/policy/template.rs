//! Makes the templates for Group Policy and Intune, and the documentation, of the table.
//! Deterministic: `cargo xtask codegen` writes what it makes, a test holds the files to it.

use std::fmt::Write as _;

use super::{
    Definition, Key, Kind, POLICIES, PREFERENCES, Part, Wrong,
    words::{Both, GROUPS, Group, explanation, label, title},
};

/// Raised with each change of the table.
const REVISION: &str = "1.0";
const SCHEMA: &str = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions";
const SUPPORTED: &str = "Regain_0_1";

/// A file of the repository, and what belongs in it.
#[derive(Debug)]
pub struct Generated {
    /// Below the root.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// All of them.
pub fn files() -> [Generated; 4] {
    [
        Generated { path: "installer/policy/regain.admx", text: admx() },
        Generated { path: "installer/policy/en-US/regain.adml", text: adml(|both| both.en) },
        Generated { path: "installer/policy/de-DE/regain.adml", text: adml(|both| both.de) },
        Generated { path: "docs/policy.md", text: documentation() },
    ]
}

/// Writing to a `String` cannot fail.
macro_rules! add {
    ($out:expr, $($words:tt)*) => {{ let _ = writeln!($out, $($words)*); }};
}

fn admx() -> String {
    let mut out = String::new();
    add!(out, r#"<?xml version="1.0" encoding="utf-8"?>"#);
    add!(out, "<!-- Made by cargo xtask codegen from crates/os-windows/src/policy.rs. -->");
    add!(
        out,
        r#"<policyDefinitions xmlns="{SCHEMA}" revision="{REVISION}" schemaVersion="1.0">
  <policyNamespaces>
    <target prefix="regain" namespace="Regain.Policies.Regain" />
  </policyNamespaces>
  <resources minRequiredRevision="{REVISION}" fallbackCulture="en-US" />
  <supportedOn>
    <definitions>
      <definition name="{SUPPORTED}" displayName="$(string.{SUPPORTED})" />
    </definitions>
  </supportedOn>
  <categories>
    <category name="Regain" displayName="$(string.Regain)" />
  </categories>
  <policies>"#
    );
    for group in &GROUPS {
        policy(&mut out, group);
    }
    add!(out, "  </policies>\n</policyDefinitions>");
    out
}

fn policy(out: &mut String, group: &Group) {
    let id = group.id;
    let flag = match group.keys {
        [key] if matches!(key.definition().kind, Kind::Flag { .. }) => Some(key.definition()),
        _ => None,
    };
    let own = flag.map(|it| format!(r#" valueName="{}""#, it.registry)).unwrap_or_default();
    let shown = match flag {
        Some(_) => String::new(),
        None => format!(r#" presentation="$(presentation.{id})""#),
    };
    add!(
        out,
        r#"    <policy name="{id}" class="Machine" displayName="$(string.{id})" explainText="$(string.{id}_Explain)"{shown} key="{POLICIES}"{own}>
      <parentCategory ref="Regain" />
      <supportedOn ref="{SUPPORTED}" />"#
    );
    if flag.is_some() {
        add!(out, r#"      <enabledValue><decimal value="1" /></enabledValue>"#);
        add!(out, r#"      <disabledValue><decimal value="0" /></disabledValue>"#);
    } else {
        add!(out, "      <elements>");
        for key in group.keys {
            element(out, *key, group.keys.len() == 1);
        }
        add!(out, "      </elements>");
    }
    add!(out, "    </policy>");
}

/// What is alone in its policy must be filled in: enabled without it would mean nothing.
fn element(out: &mut String, key: Key, alone: bool) {
    let Definition { registry, kind, .. } = key.definition();
    let names = format!(r#"id="{registry}" valueName="{registry}""#);
    let required = if alone { r#" required="true""# } else { "" };
    match kind {
        Kind::Text { most } | Kind::Command { most } | Kind::Secret { most } => {
            add!(out, r#"        <text {names}{required} maxLength="{most}" />"#);
        }
        Kind::Number { least, most, .. } => {
            add!(
                out,
                r#"        <decimal {names}{required} minValue="{least}" maxValue="{most}" />"#
            );
        }
        Kind::List { lines, most } => {
            add!(
                out,
                r#"        <multiText {names}{required} maxLength="{most}" maxStrings="{lines}" />"#
            );
        }
        Kind::Choice(among) => {
            add!(out, "        <enum {names}{required}>");
            for choice in among {
                add!(
                    out,
                    r#"          <item displayName="$(string.{registry}_{choice})"><value><string>{choice}</string></value></item>"#
                );
            }
            add!(out, "        </enum>");
        }
        Kind::Flag { .. } => {
            add!(
                out,
                "        <boolean {names}><trueValue><decimal value=\"1\" /></trueValue>\
                 <falseValue><decimal value=\"0\" /></falseValue></boolean>"
            );
        }
    }
}

fn adml(of: impl Fn(Both) -> &'static str) -> String {
    let say = |en, de| of(Both { en, de });
    let mut out = String::new();
    add!(out, r#"<?xml version="1.0" encoding="utf-8"?>"#);
    add!(out, "<!-- Made by cargo xtask codegen from crates/os-windows/src/policy.rs. -->");
    add!(
        out,
        r#"<policyDefinitionResources xmlns="{SCHEMA}" revision="{REVISION}" schemaVersion="1.0">
  <displayName>Regain</displayName>
  <description>{}</description>
  <resources>
    <stringTable>
      <string id="Regain">Regain</string>
      <string id="{SUPPORTED}">{}</string>"#,
        say(
            "What administrators set for the way in from the sign-in screen.",
            "Was Administratoren für den Weg vom Anmeldebildschirm aus festlegen."
        ),
        say("Regain 0.1 or newer", "Regain 0.1 oder neuer"),
    );
    for group in &GROUPS {
        let id = group.id;
        add!(out, r#"      <string id="{id}">{}</string>"#, escaped(of(title(group))));
        let explanation = escaped(of(explanation(group)));
        add!(out, r#"      <string id="{id}_Explain">{explanation}</string>"#);
        for key in group.keys {
            let Definition { registry, kind, .. } = key.definition();
            if let Kind::Choice(among) = kind {
                for choice in among {
                    add!(
                        out,
                        r#"      <string id="{registry}_{choice}">{}</string>"#,
                        own_name(choice)
                    );
                }
            }
        }
    }
    add!(out, "    </stringTable>\n    <presentationTable>");
    for group in &GROUPS {
        presentation(&mut out, group, &of);
    }
    add!(out, "    </presentationTable>\n  </resources>\n</policyDefinitionResources>");
    out
}

fn presentation(out: &mut String, group: &Group, of: &impl Fn(Both) -> &'static str) {
    if let [key] = group.keys
        && matches!(key.definition().kind, Kind::Flag { .. })
    {
        return;
    }
    add!(out, r#"      <presentation id="{}">"#, group.id);
    for key in group.keys {
        let Definition { registry, kind, .. } = key.definition();
        let label = escaped(of(label(*key)));
        match kind {
            Kind::Text { .. } | Kind::Command { .. } | Kind::Secret { .. } => add!(
                out,
                r#"        <textBox refId="{registry}"><label>{label}:</label></textBox>"#
            ),
            Kind::Number { default, .. } => add!(
                out,
                r#"        <decimalTextBox refId="{registry}" defaultValue="{default}">{label}:</decimalTextBox>"#
            ),
            Kind::List { .. } => {
                add!(out, r#"        <multiTextBox refId="{registry}">{label}:</multiTextBox>"#);
            }
            Kind::Choice(_) => add!(
                out,
                r#"        <dropdownList refId="{registry}" noSort="true" defaultItem="0">{label}:</dropdownList>"#
            ),
            Kind::Flag { default } => add!(
                out,
                r#"        <checkBox refId="{registry}" defaultChecked="{default}">{label}</checkBox>"#
            ),
        }
    }
    add!(out, "      </presentation>");
}

fn own_name(language: &str) -> &str {
    match language {
        "en" => "English",
        "de" => "Deutsch",
        "ar" => "العربية",
        other => other,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn documentation() -> String {
    let mut out = String::new();
    add!(
        out,
        "# Policy

<!-- Made by cargo xtask codegen from crates/os-windows/src/policy.rs. -->

What an administrator can set on a device. On Windows these are values of the registry, below
`HKLM\\{POLICIES}` (Group Policy and Intune write there) and, where that
says nothing, below `HKLM\\{PREFERENCES}` (the installer and scripts write there). On
Linux the app reads the same names from `/etc/regain/app.toml`; there it also has `state_dir`
(src-tauri/app.example.toml).

A value that cannot be used is named when the app starts, with what would be right, and changes nothing else: it counts as not set, but nothing is taken
from below in its place. Where going on without it would be less safe than was meant (\"stops\" in
the table), what it is for does not run.

## What there is

| in the registry | in the TOML file | read by | what it may be | not set | wrong | since |
| --- | --- | --- | --- | --- | --- | --- |"
    );
    for key in Key::ALL {
        row(&mut out, key);
    }
    add!(out, "\n## What it does");
    for group in &GROUPS {
        let names: Vec<String> =
            group.keys.iter().map(|key| format!("`{}`", key.definition().registry)).collect();
        add!(
            out,
            "\n**{}** ({}). {}",
            title(group).en,
            names.join(", "),
            explanation(group).en.replace('<', "\\<")
        );
    }
    add!(
        out,
        r#"
## Group Policy

Copy `regain.admx` and the folders `en-US` and `de-DE` from `installer/policy` into the central
store, `\\example.org\SYSVOL\example.org\Policies\PolicyDefinitions`, or into
`C:\Windows\PolicyDefinitions` of the machine with the editor. The settings are then under
Computer Configuration, Administrative Templates, Regain.

## Intune

Import `regain.admx` with `en-US/regain.adml` under Devices, Configuration, Import ADMX; or, with
a custom profile, take the template in first and then set values. Each line is one OMA-URI of type
String.

| OMA-URI | value |
| --- | --- |
| `./Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Regain/Policy/RegainAdmx` | all of `regain.admx` |"#
    );
    for group in &GROUPS {
        let data: String = group.keys.iter().map(|key| intune_data(*key)).collect();
        add!(
            out,
            "| `./Device/Vendor/MSFT/Policy/Config/Regain~Policy~Regain/{}` | `<enabled/>{data}` |",
            group.id
        );
    }
    add!(
        out,
        "
`<disabled/>` takes a setting back, and switches off what is on or off. Several fingerprints are
separated by `&#xF000;`. In a value `&`, `<`, `>` and `\"` are written `&amp;`, `&lt;`, `&gt;` and
`&quot;`."
    );
    out
}

fn row(out: &mut String, key: Key) {
    let Definition { file, registry, kind, whom, wrong, since, .. } = key.definition();
    let parts: Vec<&str> = whom
        .iter()
        .map(|part| match part {
            Part::Tile => "tile",
            Part::Host => "host",
            Part::App => "app",
        })
        .collect();
    let (may, not_set) = match kind {
        Kind::Flag { default } => {
            let default = if default { "1" } else { "0" };
            ("REG_DWORD 0 or 1 (`true`, `false`)".to_owned(), default.to_owned())
        }
        Kind::Number { default, least, most } => {
            (format!("REG_DWORD {least} to {most}"), default.to_string())
        }
        Kind::Text { most } | Kind::Command { most } => {
            (format!("REG_SZ, at most {most} characters"), "-".to_owned())
        }
        Kind::Secret { most } => {
            (format!("REG_SZ, at most {most} characters, secret"), "-".to_owned())
        }
        Kind::List { lines, most } => {
            (format!("REG_MULTI_SZ, at most {lines} lines of {most} characters"), "none".to_owned())
        }
        Kind::Choice(among) => {
            let among: Vec<String> = among.iter().map(|it| format!("`{it}`")).collect();
            (format!("REG_SZ {}", among.join(", ")), "-".to_owned())
        }
    };
    let wrong = match wrong {
        Wrong::Default => "not set",
        Wrong::Stop => "stops",
    };
    add!(
        out,
        "| `{registry}` | `{file}` | {} | {may} | {not_set} | {wrong} | {since} |",
        parts.join(", ")
    );
}

fn intune_data(key: Key) -> String {
    let Definition { registry, kind, example, .. } = key.definition();
    if matches!(kind, Kind::Flag { .. }) {
        return String::new();
    }
    format!(r#"<data id="{registry}" value="{}"/>"#, escaped(example))
}
