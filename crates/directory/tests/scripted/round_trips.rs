//! What a person waits for: each question to a controller on the way from status to unlock.
//! What belongs to the domain is asked in the background, at most once a minute.

use directory::Directory;
use protocol::directory::{ExternalId, Outcome};

use crate::{
    driver,
    server::{ANNA, Script, Scripted},
};

#[tokio::test]
async fn between_status_and_unlock_only_the_account_is_asked_for() {
    let server = Scripted::start(Script { lockout_time: 7, ..Script::default() });
    let driver = driver(&server);
    // As the agent does every half minute.
    assert!(driver.is_reachable().await);
    let asked = || std::mem::take(&mut server.script.lock().unwrap().asked);
    asked();

    let anna = ExternalId(ANNA.to_owned());
    let status = driver.status(&anna).await.unwrap();
    let account = format!("<GUID={ANNA}>");
    assert_eq!(asked(), [format!("search {account}")]);

    assert_eq!(driver.unlock(&anna, &status.fence).await, Outcome::Done);
    let expected = ["modify", "search"].map(|what| format!("{what} {account}"));
    assert_eq!(asked(), expected, "write and read-back");
}
