//! A controller that says it is read-only, by the capability as Windows does: no write is ever
//! sent to it, not even to be refused.

use directory::Directory;
use password::NewPassword;
use protocol::directory::{ExternalId, NotDone, Outcome};

use crate::{
    driver,
    server::{ANNA, Script, Scripted},
};

#[tokio::test]
async fn no_write_is_sent_to_a_read_only_controller() {
    let capabilities = vec!["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1920"];
    let server = Scripted::start(Script { capabilities, lockout_time: 7, ..Script::default() });
    let driver = driver(&server);
    let anna = ExternalId(ANNA.to_owned());
    let status = driver.status(&anna).await.unwrap();
    assert!(status.read_only);
    let password = |text: &str| NewPassword::parse(text.to_owned()).ok().unwrap();
    let (old, new) = (password("Old-password-17"), password("New-password-18"));
    let refused = Outcome::NotDone { reason: NotDone::DirectoryUnreachable };
    assert_eq!(driver.unlock(&anna, &status.fence).await, refused);
    assert_eq!(driver.reset(&anna, &new, &status.fence).await, refused);
    assert_eq!(driver.change(&anna, &old, &new, &status.fence).await, refused);
    assert!(server.script.lock().unwrap().seen.is_empty());
}
