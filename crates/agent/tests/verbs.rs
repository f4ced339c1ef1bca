//! The verbs that write into the data folder leave nothing there that the agent cannot read.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
};

const NOBODY: u32 = 65_534;

/// A configuration whose data folder belongs to somebody else: handed over where this runs as
/// root, and root's own where it does not.
fn of_somebody_else(folder: &Path) -> (PathBuf, PathBuf) {
    let own = folder.join("data");
    fs::create_dir(&own).unwrap();
    let is_root = fs::metadata(&own).unwrap().uid() == 0;
    let data = if is_root { own } else { PathBuf::from("/etc") };
    if is_root {
        chown(&data, Some(NOBODY), None).unwrap();
    }
    (configuration(folder, &data), data)
}

fn configuration(folder: &Path, data: &Path) -> PathBuf {
    let (file, password) = (folder.join("agent.toml"), folder.join("password"));
    fs::write(&password, "unused").unwrap();
    let text = format!(
        "[agent]\nname = \"lab\"\ndata_dir = \"{}\"\nsecrets = \"file\"\n[active_directory]\n\
         controllers = [\"ldaps://dc1\"]\naccount = \"svc\"\npassword_file = \"{}\"\n\
         subtrees = [\"OU=People,DC=x\"]\n",
        data.display(),
        password.display(),
    );
    fs::write(&file, text).unwrap();
    file
}

fn agent(config: &Path, verb: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regain-agent"));
    command.arg(verb[0]).arg("--config").arg(config).args(&verb[1..]);
    command.output().unwrap()
}

#[test]
fn nobody_but_the_agents_user_writes_into_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = of_somebody_else(folder.path());
    let verbs: [&[&str]; 8] = [
        &["release"],
        &["write-back", "on"],
        &["write-back", "off"],
        &["rotate-keys"],
        &["join-request"],
        &["dismiss", "0000"],
        &["enrol", "0000"],
        &["run"],
    ];
    for verb in verbs {
        let output = agent(&config, verb);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("sudo -u "), "{verb:?}: {said}");
        for name in ["released.json", "write-back-off.json", "secrets", "events.jsonl"] {
            assert!(!data.join(name).exists(), "{verb:?}: {name}");
        }
    }
    let output = agent(&config, &["write-back", "status"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_agents_own_user_does() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let config = configuration(folder.path(), &data);
    for (verb, name) in
        [(["release"].as_slice(), "released.json"), (&["write-back", "off"], "write-back-off.json")]
    {
        let output = agent(&config, verb);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(data.join(name).exists());
    }
}
