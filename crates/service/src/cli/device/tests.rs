//! From the token that an administrator makes to the PC that is shut out again.

use recovery::{Policy, Span, Times};
use store::{NewReport, TenantRow};

use super::*;

const HOST: &str = "reset.example.org";
const TENANT: Uuid = Uuid::from_u128(1);

struct Lab {
    folder: tempfile::TempDir,
    opened: Opened,
}

impl Lab {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let text = format!(
            "[service]\ndata_dir = \"{at}/data\"\nmaster_key_file = \"{at}/master.key\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n\
             [mail]\nhost = \"127.0.0.1\"\nport = 25\nencryption = \"none\"\nfrom = \"IT <it@example.org>\"\n"
        );
        std::fs::write(folder.path().join("service.toml"), text).unwrap();
        let tenant = TenantRow {
            id: TENANT,
            host: HOST.to_owned(),
            name: "Example Ltd".to_owned(),
            accent: "#0b57d0".to_owned(),
            help: "{}".to_owned(),
            policy: Policy::default(),
        };
        let opened = Opened::open(&config(&folder)).await.unwrap();
        let now = Opened::now();
        let added = opened
            .store
            .write(move |mut tx| Box::pin(async move { tx.add_tenant(&tenant, now).await }));
        added.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        Self { folder, opened }
    }

    fn of(&self) -> Of {
        Of { config: config(&self.folder), tenant: HOST.to_owned() }
    }

    async fn token(&mut self, note: &str) -> protocol::device::FleetToken {
        let command = token::Token {
            of: self.of(),
            expires: Span::hours(720),
            most: 1000,
            note: note.to_owned(),
        };
        command.make(&mut self.opened).await.unwrap()
    }

    async fn pc(&self, token: Uuid, number: u8, name: &str, facts: &str) -> Uuid {
        let now = Opened::now();
        let device = DeviceRow {
            id: Uuid::from_u128(u128::from(number)),
            tenant: TENANT,
            public_key: vec![number; 65],
            kind: "tpm".to_owned(),
            fleet_token: token,
            enrolled_at: now,
            reported_at: now,
            report: NewReport {
                name: name.to_owned(),
                windows: "10.0.26100".to_owned(),
                version: "0.1.0".to_owned(),
                facts: facts.to_owned(),
                nonce_at: now,
                mark: vec![1; 16],
                mark_before: vec![0; 16],
            },
            trusted_at: None,
            shared_at: None,
            revoked_at: None,
        };
        let id = device.id;
        let added = self.opened.store.write(move |mut tx| {
            Box::pin(async move {
                assert!(tx.use_fleet_token(device.fleet_token, now).await?);
                tx.add_device(&device).await
            })
        });
        added.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        id
    }

    async fn run(&self, what: What, devices: &[&str]) -> Result<String, String> {
        let devices = devices.iter().map(ToString::to_string).collect();
        let opened = Opened::open(&config(&self.folder)).await.unwrap();
        let which = Which { of: self.of(), devices };
        which.carry_out(opened, what).await.map_err(|error| format!("{error:#}"))
    }

    async fn tokens(&self, json: bool, later: Span) -> String {
        let command = token::Tokens { of: self.of(), json };
        command.text(&self.opened, Opened::now().plus(later)).await.unwrap()
    }

    async fn list(&self, cannot_recover: bool, all: bool, later: Span) -> String {
        let command = list::List { of: self.of(), cannot_recover, all, json: false };
        command.text(&self.opened, Opened::now().plus(later)).await.unwrap()
    }

    async fn states(&self) -> Vec<&'static str> {
        let read =
            self.opened.store.read(|mut tx| Box::pin(async move { tx.devices(TENANT).await }));
        let all = read.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        all.iter().map(list::state).collect()
    }

    async fn trail(&self) -> Vec<String> {
        let read =
            self.opened.store.read(|mut tx| Box::pin(async move { tx.audit_after(0, 100).await }));
        let rows = read.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
        rows.into_iter().map(|row| row.event).collect()
    }
}

fn config(folder: &tempfile::TempDir) -> ConfigFile {
    ConfigFile { file: folder.path().join("service.toml"), set: Vec::new() }
}

const EXCLUDED: &str = r#"[{"check":"tile-excluded","found":"breaks","seen":"Disabled = 1"},{"check":"clock","found":"fine","seen":""}]"#;
const NO_RUNTIME: &str = r#"[{"check":"webview-runtime","found":"less","seen":"none"}]"#;

#[tokio::test]
async fn a_token_is_shown_once_listed_and_taken_back() {
    let mut lab = Lab::new().await;
    assert!(lab.tokens(false, Span::hours(0)).await.contains("device token"));
    let made = lab.token("spring\nroll-out").await;
    let id = Uuid::from_bytes(made.id);
    lab.pc(id, 1, "PC-1", "[]").await;
    let listed = lab.tokens(false, Span::hours(0)).await;
    let shown = token::shown_id(id);
    assert_eq!(
        listed,
        format!("{shown}\tgood for another 30 days\t1 of 1000 PCs\tspring roll-out")
    );
    assert!(made.text().starts_with(&shown), "who has the token finds it");
    assert!(lab.tokens(false, Span::hours(719)).await.contains("good for another 1 h"));
    assert!(lab.tokens(false, Span::hours(721)).await.contains("\texpired\t"));
    assert!(lab.tokens(true, Span::hours(0)).await.contains("\"state\": \"good\""));
    let revoke = |typed: &str, and_devices: bool| token::RevokeToken {
        of: lab.of(),
        token: typed.to_owned(),
        and_devices,
    };
    let said = revoke(&made.text(), false).revoke(&lab.opened).await.unwrap();
    assert!(said.ends_with("1 PC that came with it stays."), "{said}");
    assert!(lab.tokens(false, Span::hours(0)).await.contains("\trevoked\t"));
    let said = revoke(&shown, true).revoke(&lab.opened).await.unwrap();
    assert!(said.ends_with("1 PC that came with it is shut out."), "{said}");
    assert_eq!(lab.states().await, ["shut out"]);
    for wrong in ["", "AAAA", "PC-1"] {
        assert!(revoke(wrong, false).revoke(&lab.opened).await.is_err(), "{wrong}");
    }
    assert_eq!(lab.trail().await, ["fleet-token-made", "fleet-token-revoked", "device-revoked"]);
}

#[tokio::test]
async fn the_list_says_why_people_cannot_recover_and_who_is_silent() {
    let mut lab = Lab::new().await;
    assert!(lab.list(false, false, Span::hours(0)).await.contains("device token"));
    let token = Uuid::from_bytes(lab.token("").await.id);
    lab.pc(token, 1, "PC-1", EXCLUDED).await;
    lab.pc(token, 2, "PC-2", NO_RUNTIME).await;
    let shown = lab.list(false, false, Span::hours(3)).await;
    let first: Vec<&str> = shown.lines().take(3).collect();
    assert_eq!(
        first,
        [
            &format!(
                "PC-1\tseen\tcannot recover\tlast report 3 h ago\tWindows 10.0.26100\tversion \
                 0.1.0\tkey in the chip\t{}",
                Uuid::from_u128(1)
            ),
            "  in the way: the tile is excluded or disabled (Disabled = 1)",
            &format!(
                "PC-2\tseen\tcan recover\tlast report 3 h ago\tWindows 10.0.26100\tversion \
                 0.1.0\tkey in the chip\t{}",
                Uuid::from_u128(2)
            ),
        ]
    );
    assert!(shown.contains("less well: the WebView2 runtime is missing (none)"));
    assert!(shown.contains("\n1 PC cannot recover, because the tile is excluded"), "{shown}");
    let only = lab.list(true, false, Span::hours(0)).await;
    assert!(only.starts_with("PC-1") && !only.contains("PC-2"), "{only}");
    let late = lab.list(false, false, Times::DEVICE_SILENT).await;
    assert!(late.contains("(long silent)"), "{late}");
    assert!(late.ends_with("2 PCs have not reported for 14 days or longer."), "{late}");
    lab.run(What::Revoke, &["PC-1"]).await.unwrap();
    let rest = lab.list(false, false, Span::hours(0)).await;
    assert!(rest.ends_with("1 PC known; people can recover on all of them."), "{rest}");
    assert!(lab.list(false, true, Span::hours(0)).await.contains("PC-1\tshut out"));
}

#[tokio::test]
async fn pcs_are_trusted_shut_out_and_let_in_by_name_or_id() {
    let mut lab = Lab::new().await;
    let token = Uuid::from_bytes(lab.token("").await.id);
    let first = lab.pc(token, 1, "PC-1", "[]").await.to_string();
    lab.pc(token, 2, "PC-2", "[]").await;
    let said = lab.run(What::Trust(true), &["pc-1", "PC-2"]).await.unwrap();
    assert_eq!(said, "2 PCs are trusted from now on.");
    assert_eq!(lab.states().await, ["trusted", "trusted"]);
    lab.run(What::Trust(false), &["PC-2"]).await.unwrap();
    lab.run(What::Revoke, &[&first]).await.unwrap();
    assert_eq!(lab.states().await, ["shut out", "seen"]);
    let refused = lab.run(What::Trust(true), &["PC-2", &first]).await.unwrap_err();
    assert!(refused.contains("let-in"), "{refused}");
    assert_eq!(lab.states().await, ["shut out", "seen"], "all of them or none");
    lab.run(What::LetIn, &["PC-1"]).await.unwrap();
    assert_eq!(lab.states().await, ["seen", "seen"], "nobody vouches for it any more");

    let twin = lab.pc(token, 3, "PC-2", "[]").await;
    let refused = lab.run(What::Revoke, &["PC-2"]).await.unwrap_err();
    assert!(refused.contains(&twin.to_string()), "{refused}");
    assert!(lab.run(What::Revoke, &["PC-9"]).await.is_err());
    let now = Opened::now();
    let sharing = lab
        .opened
        .store
        .write(move |mut tx| Box::pin(async move { tx.share_device(twin, now).await }));
    sharing.await.unwrap_or_else(|error: StoreError| panic!("{error}"));
    let refused = lab.run(What::LetIn, &[&twin.to_string()]).await.unwrap_err();
    assert!(refused.contains("two PCs had its key"), "{refused}");
    lab.run(What::Revoke, &["PC-2"]).await.unwrap();
    let trail = lab.trail().await;
    assert_eq!(
        trail,
        [
            "fleet-token-made",
            "device-trusted",
            "device-trusted",
            "device-trusted",
            "device-revoked",
            "device-let-in",
            "device-revoked",
        ]
    );
}
