//! Stories on a scripted server, for what Samba does not offer or does not count.

#![expect(clippy::unwrap_used, reason = "a story stops at the first surprise")]

mod changes;
mod policy_hints;
mod read_only;
mod round_trips;
mod server;

use std::sync::Arc;

use directory::active_directory::{ActiveDirectory, Attributes, Settings, SignIn, Trust};

use server::Scripted;

const NOW: i64 = 1_800_000_000;

fn driver(server: &Scripted) -> ActiveDirectory {
    let settings = Settings {
        controllers: vec![server.url.clone()],
        preferred_controller: None,
        trust: Trust::File(server.ca_file.clone()),
        sign_in: SignIn::Password {
            user: "svc-regain@ad.example.test".to_owned(),
            password: Arc::new(|| Ok("its password".to_owned().into())),
        },
        base_dns: vec!["OU=People,DC=ad,DC=example,DC=test".to_owned()],
        excluded_dns: Vec::new(),
        attributes: Attributes::default(),
        groups: Vec::new(),
        now: Arc::new(|| NOW),
    };
    ActiveDirectory::new(settings).unwrap()
}
