//! The files that are made of the table of settings: current, and of the shape that Windows'
//! editors want. (Microsoft's schemas are not free to be carried along; what they say of the
//! elements used here is said again below.)

#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::{collections::BTreeSet, fs, path::Path};

use os_windows::policy::{Key, Kind, template};

fn text(path: &str) -> String {
    let files = template::files();
    files.into_iter().find(|file| file.path == path).unwrap().text
}

const ADMX: &str = "installer/policy/regain.admx";
const ADML: [&str; 2] =
    ["installer/policy/en-US/regain.adml", "installer/policy/de-DE/regain.adml"];

#[test]
fn what_is_in_the_repository_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in template::files() {
        let there = fs::read_to_string(root.join(file.path)).unwrap_or_default();
        assert!(there == file.text, "{} is not current: run cargo xtask codegen", file.path);
    }
}

/// The value of each `name="..."` of these elements.
fn attributes<'a>(xml: &'a str, element: &str, name: &str) -> Vec<&'a str> {
    let start = format!("<{element} ");
    let tags = xml.split(start.as_str()).skip(1).map(|rest| &rest[..rest.find('>').unwrap()]);
    tags.filter_map(|tag| tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()).collect()
}

fn names(xml: &str, kind: &str) -> BTreeSet<String> {
    let start = format!("$({kind}.");
    let references = xml.split(start.as_str()).skip(1);
    references.map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

/// Each opened element is closed in its order, and nothing is written that must be escaped.
fn is_well_formed(xml: &str) {
    let mut open = Vec::new();
    let body = xml.split_once("?>").unwrap().1;
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect(part);
        assert!(!text.contains('"') || !tag.ends_with('/'), "{part}");
        for (at, _) in text.match_indices('&') {
            let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
            assert!(known.iter().any(|entity| text[at..].starts_with(entity)), "{text}");
        }
        let name = tag.split([' ', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{xml}");
        } else if !tag.ends_with('/') && !tag.starts_with('!') {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn templates_are_well_formed_and_every_word_is_there_in_each_language() {
    let admx = text(ADMX);
    is_well_formed(&admx);
    for path in ADML {
        let adml = text(path);
        is_well_formed(&adml);
        let strings: BTreeSet<String> =
            attributes(&adml, "string", "id").into_iter().map(str::to_owned).collect();
        assert_eq!(names(&admx, "string"), strings, "{path}");
        let presentations: BTreeSet<String> =
            attributes(&adml, "presentation", "id").into_iter().map(str::to_owned).collect();
        assert_eq!(names(&admx, "presentation"), presentations, "{path}");
        assert!(!adml.contains("></string>") && !adml.contains("><label>:</label>"), "{path}");
    }
}

/// What the editors insist on: each element of the template has its control, of its kind, and no
/// other; names are letters, digits and underscores.
#[test]
fn each_element_has_the_control_of_its_kind() {
    let admx = text(ADMX);
    let kinds = [
        ("text", "textBox"),
        ("decimal", "decimalTextBox"),
        ("multiText", "multiTextBox"),
        ("enum", "dropdownList"),
        ("boolean", "checkBox"),
    ];
    let mut all = BTreeSet::new();
    for (element, control) in kinds {
        let elements = attributes(&admx, element, "id");
        for path in ADML {
            assert_eq!(attributes(&text(path), control, "refId"), elements, "{control} in {path}");
        }
        all.extend(elements.into_iter().map(str::to_owned));
    }
    all.extend(attributes(&admx, "policy", "valueName").into_iter().map(str::to_owned));
    let wanted: BTreeSet<String> =
        Key::ALL.iter().map(|key| key.definition().registry.to_owned()).collect();
    assert_eq!(all, wanted);
    let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(attributes(&admx, "policy", "name").iter().all(plain));
}

/// The editors take no more than 1023 characters in a field.
#[test]
fn no_text_is_longer_than_an_editor_takes() {
    let admx = text(ADMX);
    let all = ["text", "multiText"].map(|element| attributes(&admx, element, "maxLength")).concat();
    assert!(!all.is_empty());
    assert!(all.iter().all(|most| most.parse::<u32>().unwrap() <= 1023), "{all:?}");
}

/// Where templates that are taken in by Intune may not write.
#[test]
fn nothing_is_written_where_intune_forbids_it() {
    let admx = text(ADMX).to_lowercase();
    for key in attributes(&admx, "policy", "key") {
        for forbidden in ["system", r"software\microsoft", r"software\policies\microsoft"] {
            assert!(!key.starts_with(forbidden), "{key}");
        }
    }
}

#[test]
fn the_documentation_has_a_line_for_each_setting_and_an_oma_uri_for_each_policy() {
    let page = text("docs/policy.md");
    for key in Key::ALL {
        let definition = key.definition();
        let (registry, file) = (definition.registry, definition.file);
        assert!(page.contains(&format!("| `{registry}` | `{file}` |")), "{registry}");
        let is_flag = matches!(definition.kind, Kind::Flag { .. });
        assert!(is_flag || page.contains(&format!("<data id=\"{registry}\"")), "{registry}");
    }
    for policy in attributes(&text(ADMX), "policy", "name") {
        assert!(page.contains(&format!("Config/Regain~Policy~Regain/{policy}` |")), "{policy}");
    }
}
