//! PCs report to the service, as the host makes them: the real app without a window, the real
//! service, and the host's own key, schedule and slots on Linux (`regain_host::double`). What came
//! of it is asked of the service's own command line and of the tile. Time is the host's, and is
//! moved.
#![expect(clippy::wildcard_enum_match_arm, reason = "a story names what it waits for")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use protocol::host::tile::{Ask, Form, PICTURES, Picture, Tell};
use regain_host::{
    double::{self, AsProcess, Machine, Shared, Tile, Value},
    serve::Host,
};
use serde_json::Value as Json;
use tests::{
    harness::organisation::Organisation,
    lab::{app::write_policy, process::built, run_folder::RunFolder, service::Service},
};

const SESSION: u32 = 1;
const SOON: Duration = Duration::from_secs(600);
const A_DAY_LATER: Duration = Duration::from_secs(36 * 3_600);
const PROVIDER: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";
const SERVER: &str =
    r"SOFTWARE\Classes\CLSID\{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}\InprocServer32";

/// A PC with our host on it, rolled out for an organisation.
struct Pc {
    machine: Shared,
    host: Arc<Host>,
    app: PathBuf,
    policy: PathBuf,
    folder: PathBuf,
    /// The one that goes at the end.
    _run: Arc<RunFolder>,
    seed: u64,
}

impl Pc {
    fn new(service: &Service, fleet_token: Option<&str>) -> Result<Self> {
        let run = Arc::new(RunFolder::new("pc")?);
        let mut machine =
            Machine { fleet_token: fleet_token.map(str::to_owned), ..Machine::default() };
        // Installed as it should be.
        let text = |text: &str| Value::Text(text.to_owned());
        machine.registry.insert((PROVIDER.to_owned(), String::new()), text("Regain"));
        machine.registry.insert((SERVER.to_owned(), String::new()), text(r"C:\tile.dll"));
        let (app, policy) = (built("regain", "regain")?, write_policy(&run, service)?);
        let folder = run.folder("first")?;
        Self::start(Shared::new(machine), app, policy, folder, run, 1)
    }

    fn start(
        machine: Shared,
        app: PathBuf,
        policy: PathBuf,
        folder: PathBuf,
        run: Arc<RunFolder>,
        seed: u64,
    ) -> Result<Self> {
        let (program, file) = (app.clone(), policy.clone());
        let launcher = AsProcess(move || {
            let mut command = Command::new(&program);
            command.arg("--host").arg("--policy").arg(&file);
            for name in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"] {
                command.env_remove(name);
            }
            command
        });
        let host = double::host(&machine, &folder, Box::new(launcher), seed)?;
        Ok(Self { machine, host, app, policy, folder, _run: run, seed })
    }

    /// The host starts again on what is on its disk.
    fn restarted(&self) -> Result<Self> {
        self.on_disk(self.machine.clone(), self.folder.clone())
    }

    /// A PC with a copy of this one's disk, and nothing else in common.
    fn cloned(&self) -> Result<Self> {
        let folder = self._run.folder("clone")?;
        copy(&self.folder, &folder)?;
        self.on_disk(Shared::new(self.machine.with(|machine| machine.clone())), folder)
    }

    fn on_disk(&self, machine: Shared, folder: PathBuf) -> Result<Self> {
        let (app, policy) = (self.app.clone(), self.policy.clone());
        let run = Arc::clone(&self._run);
        Self::start(machine, app, policy, folder, run, self.seed + 1)
    }

    /// Lets this much time pass, and makes the report that is due then.
    fn report_after(&self, time: Duration) {
        self.machine.with(|machine| machine.now += time);
        assert!(self.host.report_if_due(), "a report is due");
    }

    fn look(&self, language: &str) -> Result<protocol::host::tile::Tile> {
        let mut tile = Tile::connect(&self.host, SESSION)?;
        tile.hello(SESSION, language)?;
        match tile.hear()? {
            Some(Tell::Tile(look)) => Ok(look),
            _ => bail!("there is no tile"),
        }
    }

    fn plant(&self, key: &str, name: &str, number: u32) {
        let place = (key.to_owned(), name.to_owned());
        self.machine.with(|machine| machine.registry.insert(place, Value::Number(number)));
    }

    fn give(&self, fleet_token: &str) {
        self.machine.with(|machine| machine.fleet_token = Some(fleet_token.to_owned()));
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&to)?;
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn organisation() -> Result<(Organisation, String)> {
    let organisation = Organisation::embedded(&[])?;
    let token = fleet_token(&organisation.service)?;
    Ok((organisation, token))
}

fn fleet_token(service: &Service) -> Result<String> {
    Ok(service.administer(&["device", "token"], &[])?.trim().to_owned())
}

/// What an administrator reads of the PCs, also of those that do not count.
fn devices(service: &Service) -> Result<Vec<Json>> {
    let printed = service.administer(&["device", "list"], &["--all", "--json"])?;
    let list: Json = serde_json::from_str(&printed)?;
    list.as_array().cloned().context("no list of devices")
}

fn states(service: &Service) -> Vec<String> {
    let state = |device: &Json| device["state"].as_str().unwrap_or("none").to_owned();
    let devices = devices(service).unwrap_or_default();
    let mut states: Vec<String> = devices.iter().map(state).collect();
    states.sort();
    states
}

#[test]
fn a_pc_enrols_and_reports_every_day_what_keeps_people_out() {
    let (organisation, token) = organisation().unwrap();
    let service = &organisation.service;
    let pc = Pc::new(service, Some(&token)).unwrap();
    pc.report_after(SOON);
    let first = devices(service).unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!((&first[0]["name"], &first[0]["state"]), (&"DOUBLE".into(), &"seen".into()));
    assert_eq!(first[0]["cannot_recover"], false, "{}", first[0]);
    assert_eq!(pc.machine.with(|machine| machine.fleet_token.clone()), None, "used up");
    let list = |arguments: &[&str]| service.administer(&["device", "list"], arguments).unwrap();
    assert!(!list(&["--cannot-recover"]).contains("DOUBLE\t"));

    pc.plant(PROVIDER, "Disabled", 1);
    assert!(!pc.host.report_if_due(), "once a day");
    pc.report_after(A_DAY_LATER);
    let printed = list(&["--cannot-recover"]);
    assert!(printed.contains("DOUBLE\t") && printed.contains("in the way"), "{printed}");
    let second = devices(service).unwrap();
    assert_eq!((second.len(), &second[0]["id"]), (1, &first[0]["id"]));

    // Mended, it is heard of the day after, also by a host that was started anew.
    pc.plant(PROVIDER, "Disabled", 0);
    let pc = pc.restarted().unwrap();
    pc.report_after(A_DAY_LATER);
    assert!(!list(&["--cannot-recover"]).contains("DOUBLE\t"));
}

#[test]
fn a_pc_without_a_fleet_token_is_nobodys_and_gets_what_the_tile_shows_all_the_same() {
    let (organisation, _) = organisation().unwrap();
    let pc = Pc::new(&organisation.service, None).unwrap();
    pc.report_after(SOON);
    assert_eq!(devices(&organisation.service).unwrap().len(), 0);
    assert!(pc.look("en").unwrap().help.as_str().contains("+49 30 555 01 00"));
    let pc = Pc::new(&organisation.service, Some("no.token")).unwrap();
    pc.report_after(SOON);
    assert_eq!(devices(&organisation.service).unwrap().len(), 0);
}

#[test]
fn a_service_that_is_away_changes_nothing_and_is_tried_again_within_hours() {
    let (mut organisation, token) = organisation().unwrap();
    let pc = Pc::new(&organisation.service, Some(&token)).unwrap();
    organisation.service.stop();
    pc.report_after(SOON);
    assert!(pc.machine.with(|machine| machine.fleet_token.is_some()));
    organisation.service.start_again().unwrap();
    pc.report_after(Duration::from_secs(2 * 3_600));
    assert_eq!(states(&organisation.service), ["seen"]);
}

/// The host never heard that its report was taken: it lost power, or the network broke off.
#[test]
fn a_report_whose_answer_was_lost_is_made_again_by_the_same_pc() {
    let (organisation, token) = organisation().unwrap();
    let pc = Pc::new(&organisation.service, Some(&token)).unwrap();
    let key = pc.folder.join("device-key");
    let before = fs::read(&key).unwrap();
    pc.report_after(SOON);
    for _ in 0..2 {
        fs::write(&key, &before).unwrap();
        let pc = pc.restarted().unwrap();
        pc.report_after(A_DAY_LATER);
    }
    assert_eq!(states(&organisation.service), ["seen"]);
}

#[test]
fn a_copy_of_a_pc_is_found_and_each_makes_a_key_of_its_own() {
    let (organisation, token) = organisation().unwrap();
    let service = &organisation.service;
    let first = Pc::new(service, Some(&token)).unwrap();
    first.report_after(SOON);
    let second = first.cloned().unwrap();
    first.report_after(A_DAY_LATER);
    second.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["seen"], "as far as anybody can tell it is one PC");
    first.report_after(A_DAY_LATER);
    second.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["key of two PCs"]);

    // The second was told already; the first hears it with its next report.
    second.give(&token);
    second.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["key of two PCs", "seen"]);
    first.report_after(A_DAY_LATER);
    first.give(&token);
    first.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["key of two PCs", "seen", "seen"]);
}

#[test]
fn a_pc_that_was_shut_out_stays_out_and_one_whose_key_was_cleared_enrols_anew() {
    let (organisation, token) = organisation().unwrap();
    let service = &organisation.service;
    let pc = Pc::new(service, Some(&token)).unwrap();
    pc.report_after(SOON);
    service.administer(&["device", "revoke"], &["DOUBLE"]).unwrap();
    pc.report_after(A_DAY_LATER);
    pc.give(&token);
    pc.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["shut out"]);

    fs::remove_file(pc.folder.join("device-key")).unwrap();
    let pc = pc.restarted().unwrap();
    pc.report_after(A_DAY_LATER);
    assert_eq!(states(service), ["seen", "shut out"]);
}

#[test]
fn a_fleet_token_that_was_taken_back_enrols_nobody() {
    let (organisation, token) = organisation().unwrap();
    let service = &organisation.service;
    let tokens = service.administer(&["device", "tokens"], &["--json"]).unwrap();
    let tokens: Json = serde_json::from_str(&tokens).unwrap();
    let id = tokens[0]["id"].as_str().unwrap();
    service.administer(&["device", "revoke-token"], &[id]).unwrap();
    let pc = Pc::new(service, Some(&token)).unwrap();
    pc.report_after(SOON);
    assert_eq!(devices(service).unwrap().len(), 0);
    assert!(pc.machine.with(|machine| machine.fleet_token.is_some()));
}

#[test]
fn the_tenants_words_and_picture_reach_the_tile_and_are_written_once() {
    let (organisation, _) = organisation().unwrap();
    let service = &organisation.service;
    let icon = Path::new(env!("CARGO_MANIFEST_DIR")).join("../icons/128x128.png");
    let icon = icon.display().to_string();
    service.set_tile(&["--label", "de=Ausgesperrt?", "--picture", &icon]).unwrap();
    let pc = Pc::new(service, None).unwrap();
    let own = pc.look("de-AT").unwrap();
    pc.report_after(SOON);
    let german = pc.look("de-AT").unwrap();
    assert_eq!(german.label.as_str(), "Ausgesperrt?");
    assert!(german.help.as_str().contains("+49 30 555 01 00"), "{}", german.help.as_str());
    assert_eq!(pc.look("en").unwrap().label.as_str(), "Can’t access your account?");
    let picture = pc.folder.join(PICTURES).join(german.picture.unwrap().file_name());
    assert_eq!(fs::read(&picture).unwrap().len(), Picture::BYTES);

    // What is as it was is not written again.
    let times = || {
        let mut times = Vec::new();
        for name in ["words-de", "words-en", "slot-branding", "slot-contact", "slot-other"] {
            times.push(fs::metadata(pc.folder.join(name)).unwrap().modified().unwrap());
        }
        times.push(fs::metadata(&picture).unwrap().modified().unwrap());
        times
    };
    let before = times();
    pc.report_after(A_DAY_LATER);
    assert_eq!(times(), before);

    service.set_tile(&["--label", "de=", "--no-picture"]).unwrap();
    pc.report_after(A_DAY_LATER);
    let german = pc.look("de-AT").unwrap();
    assert_eq!((german.label, german.picture), (own.label, None));
}

#[test]
fn whom_to_ask_is_known_while_there_is_no_network() {
    let (mut organisation, _) = organisation().unwrap();
    let pc = Pc::new(&organisation.service, None).unwrap();
    // Nothing in the policy says it.
    let policy = fs::read_to_string(&pc.policy).unwrap();
    let (policy, _) = policy.split_once("[help]").unwrap();
    fs::write(&pc.policy, policy).unwrap();
    pc.report_after(SOON);
    organisation.service.stop();

    let mut tile = Tile::connect(&pc.host, SESSION).unwrap();
    tile.hello(SESSION, "en").unwrap();
    tile.hear().unwrap();
    tile.start(SESSION, Form::Simple).unwrap();
    loop {
        match tile.hear().unwrap().unwrap() {
            Tell::View(view) if view.fields.as_slice().is_empty() => {
                assert!(view.text.as_str().contains("+49 30 555 01 00"), "{view:?}");
                break;
            }
            Tell::View(_) | Tell::Status(_) => {}
            _ => panic!("neither view nor status"),
        }
    }
    tile.say(&Ask::Cancel).unwrap();
    while !matches!(tile.hear().unwrap(), Some(Tell::End { .. }) | None) {}
}
