//! Which agent's "not done" counts, by who was given the order.

use protocol::{agent::ChangeAct, directory::Fence};
use rand::{SeedableRng as _, rngs::StdRng};
use recovery::{Act, Policy, Session};
use store::{DirectoryKind, NewAccount, NewAgent, RecoveryRow, Store, TenantRow};
use uuid::Uuid;

use super::*;
use crate::{
    clock::HandClock,
    config::{
        BotCheckConfig, Config, HttpConfig, LimitsConfig, MailConfig, MailEncryption, ServiceConfig,
    },
    keys::Keys,
};

const DIRECTORY: DirectoryId = DirectoryId(Uuid::from_u128(0xd1));
const OPERATION: OperationId = OperationId(Uuid::from_u128(0x0b));
const FIRST: AgentId = AgentId(Uuid::from_u128(1));
const SECOND: AgentId = AgentId(Uuid::from_u128(2));

fn linked(links: &AgentLinks, agent: AgentId) -> (Arc<Link>, mpsc::Receiver<Order>) {
    let (orders, queue) = mpsc::channel(QUEUE);
    let link = Arc::new(Link {
        agent,
        orders,
        directory_reachable: AtomicBool::new(true),
        stopped: AtomicBool::new(false),
        statuses: Mutex::default(),
    });
    links.add(DIRECTORY, &link);
    (link, queue)
}

fn change(handed_before: bool) -> Change {
    Change {
        operation: OPERATION,
        account: ExternalId("anna".to_owned()),
        act: ChangeAct::Unlock,
        fence: Fence {
            controller: "dc1".to_owned(),
            password_last_set: String::new(),
            lockout_time: String::new(),
            key_version: None,
        },
        expires_at_ms: 0,
        handed_before,
    }
}

fn taken(queue: &mut mpsc::Receiver<Order>) -> Option<bool> {
    match queue.try_recv() {
        Ok(Order::Change(change)) => Some(change.handed_before),
        _ => None,
    }
}

#[tokio::test]
async fn the_first_ones_refusal_does_not_speak_for_the_second_one() {
    let links = AgentLinks::default();
    let (first, mut of_first) = linked(&links, FIRST);
    links.begin(OPERATION);
    assert!(links.send_change(DIRECTORY, change(false)).await);
    assert_eq!(taken(&mut of_first), Some(false));
    links.remove(DIRECTORY, &first);
    let (_second, mut of_second) = linked(&links, SECOND);
    assert!(links.send_change(DIRECTORY, change(true)).await);
    assert_eq!(taken(&mut of_second), Some(true));
    let (_first, mut of_first) = linked(&links, FIRST);
    assert_eq!(links.refused(OPERATION, FIRST), Worth::Nothing);
    // It has said its word; the other one is asked again.
    assert!(links.send_change(DIRECTORY, change(true)).await);
    assert_eq!((taken(&mut of_first), taken(&mut of_second)), (None, Some(true)));
    assert_eq!(links.refused(OPERATION, FIRST), Worth::Nothing);
    assert_eq!(links.refused(OPERATION, SECOND), Worth::Certain);
    assert_eq!(links.refused(OPERATION, FIRST), Worth::Certain);
}

#[tokio::test]
async fn a_refusal_counts_where_nobody_else_had_it_or_who_had_it_looked() {
    let links = AgentLinks::default();
    let (first, _of_first) = linked(&links, FIRST);
    links.begin(OPERATION);
    assert!(links.send_change(DIRECTORY, change(false)).await);
    assert_eq!(links.refused(OPERATION, FIRST), Worth::Certain);
    let (_second, mut of_second) = linked(&links, SECOND);
    assert!(!links.send_change(DIRECTORY, change(true)).await, "nobody writes it any more");
    assert_eq!(taken(&mut of_second), None);

    let links = AgentLinks::default();
    links.add(DIRECTORY, &first);
    links.begin(OPERATION);
    assert!(links.send_change(DIRECTORY, change(false)).await);
    let (_second, _of_second) = linked(&links, SECOND);
    assert!(links.send_change(DIRECTORY, change(true)).await);
    assert_eq!(links.refused(OPERATION, SECOND), Worth::Certain, "it looked");
}

#[tokio::test]
async fn who_had_an_order_before_a_restart_is_not_known() {
    let links = AgentLinks::default();
    let (first, _of_first) = linked(&links, FIRST);
    assert!(links.send_change(DIRECTORY, change(true)).await);
    assert_eq!(links.refused(OPERATION, FIRST), Worth::IfAlone);
    links.remove(DIRECTORY, &first);
    assert_eq!(links.refused(OPERATION, SECOND), Worth::Certain, "two of them");
}

/// The caller saw that nobody had it; while it read on, a new link took it.
#[tokio::test]
async fn an_order_that_a_new_link_took_is_not_the_first_any_more() {
    let links = AgentLinks::default();
    let (_first, mut of_first) = linked(&links, FIRST);
    assert!(links.send_change(DIRECTORY, change(true)).await);
    assert_eq!(taken(&mut of_first), Some(true));
    let (_second, mut of_second) = linked(&links, SECOND);
    links.begin(OPERATION);
    assert!(links.send_change(DIRECTORY, change(false)).await);
    assert_eq!(taken(&mut of_second), Some(true));
}

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const REFUSED: Outcome = Outcome::NotDone { reason: NotDone::AgentLimit };

/// A service with two agents of one directory and an operation that was sent.
async fn service(folder: &std::path::Path) -> Arc<Service> {
    let store = Store::open(&folder.join("regain.db")).await.unwrap();
    let tenant = Uuid::from_u128(0x7e);
    let row = TenantRow {
        id: tenant,
        host: "reset.example.org".to_owned(),
        name: "Example Ltd".to_owned(),
        accent: "#0b57d0".to_owned(),
        help: "{}".to_owned(),
        policy: Policy::default(),
    };
    let (account, recovery) = (Uuid::from_u128(0xac), Uuid::from_u128(0x4e));
    let begun = RecoveryRow {
        id: recovery,
        tenant,
        case_code: "AAAA-AAAA".to_owned(),
        begin_key: vec![1],
        name_key: vec![2],
        user_id: "anna".to_owned(),
        account: Some(account),
        lane: "stranger".to_owned(),
        device: None,
        own_account: None,
        reason: "cant-sign-in".to_owned(),
        language: "en".to_owned(),
        step: 0,
        revision: 0,
        session: Session::begin(Policy::default(), NOW),
        status: None,
        reason_not: None,
        code: None,
        operation: Some(OPERATION.0),
        last_key: None,
        last_body: None,
        last_refusal: None,
    };
    let operation = OperationRow {
        id: OPERATION.0,
        tenant,
        recovery,
        directory: DIRECTORY.0,
        account,
        external_id: "anna".to_owned(),
        act: Act::Unlock,
        state: OperationState::Sent,
        seal_expires_at: None,
        sealed: None,
        fence: Some(serde_json::to_string(&change(false).fence).unwrap()),
        reason: None,
        expires_at: NOW.plus(Times::OPERATION),
    };
    let storing = store.write(move |mut tx| {
        Box::pin(async move {
            tx.add_tenant(&row, NOW).await?;
            tx.add_directory(DIRECTORY.0, tenant, "main", DirectoryKind::Agent, NOW).await?;
            for (agent, name) in [(FIRST, "one"), (SECOND, "two")] {
                let new = NewAgent {
                    id: agent.0,
                    name,
                    identity_key: agent.0.as_bytes(),
                    recipient: "{}",
                    directory_key: &[3; 32],
                    waits: false,
                    link_generation: 1,
                };
                tx.add_agent(tenant, DIRECTORY.0, &new, NOW).await?;
                tx.agent_seen(agent.0, true, NOW).await?;
            }
            let listed = NewAccount { external_id: "anna", ..NewAccount::default() };
            tx.put_account((tenant, DIRECTORY.0), account, &listed, 0).await?;
            tx.add_recovery(&begun, NOW).await?;
            tx.add_operation(&operation, NOW).await
        })
    });
    storing.await.unwrap_or_else(|error: StoreError| panic!("{error:?}"));
    let clock = Arc::new(HandClock::at(NOW));
    Service::new(config(folder), store, Keys::new([7; 32]), clock, StdRng::seed_from_u64(3))
        .unwrap()
}

fn config(folder: &std::path::Path) -> Config {
    Config {
        service: ServiceConfig {
            data_dir: folder.to_owned(),
            master_key_file: std::path::PathBuf::new(),
        },
        http: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            trusted_proxies: Vec::new(),
        },
        mail: MailConfig {
            host: "localhost".to_owned(),
            port: 1,
            encryption: MailEncryption::None,
            from: "IT <it@example.org>".to_owned(),
            user: None,
            password_file: None,
        },
        bot_check: BotCheckConfig { rounds: 1 },
        limits: LimitsConfig::default(),
    }
}

/// An agent tells; what is stored then, and whether it is told that it is.
async fn tells(service: &Arc<Service>, agent: AgentId, outcome: Outcome) -> (OperationState, bool) {
    let read = service.store.read(move |mut tx| Box::pin(async move { tx.agent(agent.0).await }));
    let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")).unwrap();
    let other = AgentLinks::default();
    let (link, mut queue) = linked(&other, agent);
    told(service, &row, &link, OPERATION, outcome).await.unwrap();
    let read =
        service.store.read(|mut tx| Box::pin(async move { tx.operation(OPERATION.0).await }));
    let row = read.await.unwrap_or_else(|error: StoreError| panic!("{error:?}")).unwrap();
    (row.state, matches!(queue.try_recv(), Ok(Order::Stored { .. })))
}

#[tokio::test]
async fn what_the_second_one_did_is_told_though_the_first_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let (first, _of_first) = linked(&service.links, FIRST);
    service.links.begin(OPERATION);
    assert!(service.links.send_change(DIRECTORY, change(false)).await);
    service.links.remove(DIRECTORY, &first);
    let (_second, _of_second) = linked(&service.links, SECOND);
    assert!(service.links.send_change(DIRECTORY, change(true)).await);
    assert_eq!(tells(&service, FIRST, REFUSED).await, (OperationState::NotKnown, false));
    assert_eq!(tells(&service, SECOND, Outcome::Done).await, (OperationState::Done, true));
    assert_eq!(tells(&service, FIRST, REFUSED).await, (OperationState::Done, true));
}

#[tokio::test]
async fn after_a_restart_a_second_one_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let (_second, mut of_second) = linked(&service.links, SECOND);
    assert_eq!(tells(&service, FIRST, REFUSED).await, (OperationState::NotKnown, false));
    let Some(Order::Change(order)) = of_second.recv().await else { panic!("no order") };
    assert!(order.handed_before);
    assert_eq!(tells(&service, SECOND, REFUSED).await, (OperationState::NotDone, true));
    assert_eq!(tells(&service, FIRST, REFUSED).await, (OperationState::NotDone, true));
}
