//! A scripted LDAP server over TLS, for what Samba does not offer: it knows one domain with one
//! account, keeps what it was asked, and answers writes as it was told to. It speaks just
//! enough of the protocol for the driver, and judges nothing.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use ldap3::asn1::{PL, StructureTag, TagClass, parse_tag, write};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

/// The account's name for ever.
pub(crate) const ANNA: &str = "ae47168b-355d-45e5-8604-8ac548fa8605";
const HEAD: &str = "DC=ad,DC=example,DC=test";
const PEOPLE: &str = "OU=People,DC=ad,DC=example,DC=test";
const SERVICE: &str = "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Site,CN=Sites,CN=Configuration,DC=ad";

/// What the server has and how it answers.
#[derive(Default)]
pub(crate) struct Script {
    /// Its `supportedControl`.
    pub(crate) controls: Vec<&'static str>,
    /// Its `supportedCapabilities`.
    pub(crate) capabilities: Vec<&'static str>,
    /// The account's `pwdLastSet`.
    pub(crate) password_last_set: u64,
    /// How writes are refused, if they are: result code and text.
    pub(crate) refusal: Option<(u8, &'static str)>,
    /// The controls that came with each write: OID, criticality, value.
    pub(crate) seen: Vec<Vec<(String, bool, Vec<u8>)>>,
    /// The account's `lockoutTime`; a write clears it.
    pub(crate) lockout_time: u64,
    /// Each search and modify, and of what.
    pub(crate) asked: Vec<String>,
    /// How many passwords were written.
    pub(crate) key_version: u64,
    /// What it says of itself when it is asked for accounts; else it lists none.
    pub(crate) listing: Option<Listing>,
}

/// A controller that lists its one account.
#[derive(Clone, Copy)]
pub(crate) struct Listing {
    /// Its `highestCommittedUSN`.
    pub(crate) number: u64,
    /// Its `invocationId`, if it may be seen.
    pub(crate) database: Option<u8>,
    /// Whether accounts say when they changed.
    pub(crate) tells_changes: bool,
}

/// The server; its thread ends with the process of the test.
pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scripted {
    pub(crate) fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tls, authority) = tls();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ldaps://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let script = Arc::new(Mutex::new(script));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, script) = (Arc::clone(&tls), Arc::clone(&shared));
                thread::spawn(move || serve(stream, tls, &script));
            }
        });
        Self { url, script, ca_file, _folder: folder }
    }
}

fn tls() -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Arc::new(config), authority.pem())
}

fn serve(stream: TcpStream, tls: Arc<ServerConfig>, script: &Mutex<Script>) {
    let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
    let mut waiting = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        while let Ok((rest, message)) = parse_tag(&waiting) {
            let used = waiting.len() - rest.len();
            waiting.drain(..used);
            for answer in answers(message, script) {
                let mut buffer = Default::default();
                write::encode_into(&mut buffer, answer).unwrap();
                stream.write_all(&buffer).unwrap();
            }
        }
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(count) => waiting.extend_from_slice(&bytes[..count]),
        }
    }
}

/// The answers to one message.
fn answers(message: StructureTag, script: &Mutex<Script>) -> Vec<StructureTag> {
    const BIND: u64 = 0;
    const SEARCH: u64 = 3;
    const MODIFY: u64 = 6;
    let mut parts = message.expect_constructed().unwrap().into_iter();
    let id = parts.next().unwrap();
    let request = parts.next().unwrap();
    let controls = parts.next().map(|tag| read_controls(&tag)).unwrap_or_default();
    let mut script = script.lock().unwrap();
    let answers = match request.id {
        BIND => vec![result(1, 0, "")],
        SEARCH => {
            let asked = request.expect_constructed().unwrap();
            let base = text(&asked[0]);
            script.asked.push(format!("search {base}"));
            let of_subtree = bytes(&asked[1]) == [2];
            let entry = match script.listing.filter(|_| of_subtree) {
                Some(listing) => listed(&base, listing),
                None => entry(&base, &script),
            };
            entry.into_iter().chain([result(5, 0, "")]).collect()
        }
        MODIFY => {
            script.seen.push(controls);
            let dn = text(&request.expect_constructed().unwrap()[0]);
            script.asked.push(format!("modify {dn}"));
            let (code, words) = script.refusal.unwrap_or((0, ""));
            if code == 0 {
                script.key_version += 1;
                script.password_last_set += 1;
                script.lockout_time = 0;
            }
            vec![result(7, code, words)]
        }
        // Unbind has no answer, and nothing else is asked.
        _ => Vec::new(),
    };
    answers.into_iter().map(|answer| sequence(vec![id.clone(), answer])).collect()
}

fn read_controls(tag: &StructureTag) -> Vec<(String, bool, Vec<u8>)> {
    let PL::C(controls) = &tag.payload else { return Vec::new() };
    let read = |control: &StructureTag| {
        let PL::C(parts) = &control.payload else { panic!("a control is a sequence") };
        let is_critical = parts.iter().any(|part| part.id == 1 && part.payload != PL::P(vec![0]));
        let value = parts.iter().skip(1).find(|part| part.id == 4);
        (text(&parts[0]), is_critical, value.map(bytes).unwrap_or_default())
    };
    controls.iter().map(read).collect()
}

fn entry(base: &str, script: &Script) -> Option<StructureTag> {
    let mut values: HashMap<&str, Vec<Vec<u8>>> = HashMap::new();
    let mut put = |name: &'static str, value: &str| {
        values.entry(name).or_default().push(value.as_bytes().to_vec());
    };
    match base {
        "" => {
            put("defaultNamingContext", HEAD);
            put("configurationNamingContext", "CN=Configuration,DC=ad");
            put("dsServiceName", SERVICE);
            script.capabilities.iter().for_each(|oid| put("supportedCapabilities", oid));
            script.controls.iter().for_each(|oid| put("supportedControl", oid));
            let number = script.listing.map_or(0, |listing| listing.number);
            put("highestCommittedUSN", &number.to_string());
        }
        SERVICE => {
            let database = script.listing.and_then(|listing| listing.database);
            values.extend(database.map(|byte| ("invocationId", vec![vec![byte; 16]])));
        }
        HEAD => {
            let rules = [
                ("fSMORoleOwner", SERVICE),
                ("minPwdLength", "7"),
                ("pwdProperties", "1"),
                ("pwdHistoryLength", "24"),
                ("minPwdAge", "-864000000000"),
            ];
            rules.into_iter().for_each(|(name, value)| put(name, value));
        }
        PEOPLE => {}
        _ if base == format!("<GUID={ANNA}>") => {
            put("sAMAccountName", "anna");
            put("sAMAccountType", "805306368");
            put("userAccountControl", "512");
            put("pwdLastSet", &script.password_last_set.to_string());
            put("lockoutTime", &script.lockout_time.to_string());
            put("msDS-KeyVersionNumber", &script.key_version.to_string());
            values.insert("objectSid", vec![sid(1103)]);
            values.insert("tokenGroups", vec![sid(513)]);
            return Some(found(&format!("CN=Anna,{PEOPLE}"), values));
        }
        _ => return None,
    }
    Some(found(base, values))
}

/// The account as a search of the people's subtree finds it; nothing elsewhere.
fn listed(base: &str, listing: Listing) -> Option<StructureTag> {
    let text = |value: &str| vec![value.as_bytes().to_vec()];
    let mut values = HashMap::from([
        ("objectGUID", vec![vec![7; 16]]),
        ("objectSid", vec![sid(1103)]),
        ("sAMAccountName", text("anna")),
        ("sAMAccountType", text("805306368")),
        ("userAccountControl", text("512")),
        ("mail", text("anna@mail.example")),
    ]);
    if listing.tells_changes {
        values.insert("uSNChanged", text("5"));
    }
    (base == PEOPLE).then(|| found(&format!("CN=Anna,{PEOPLE}"), values))
}

fn sid(rid: u32) -> Vec<u8> {
    let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
    for part in [21, 11, 22, 33, rid] {
        sid.extend(u32::to_le_bytes(part));
    }
    sid
}

fn found(dn: &str, values: HashMap<&str, Vec<Vec<u8>>>) -> StructureTag {
    let attribute = |(name, values): (&str, Vec<Vec<u8>>)| {
        let values = values.into_iter().map(|value| universal(4, PL::P(value))).collect();
        sequence(vec![octets(name), universal(17, PL::C(values))])
    };
    let attributes = sequence(values.into_iter().map(attribute).collect());
    application(4, vec![octets(dn), attributes])
}

fn result(id: u64, code: u8, words: &str) -> StructureTag {
    application(id, vec![universal(10, PL::P(vec![code])), octets(""), octets(words)])
}

fn application(id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag { class: TagClass::Application, id, payload: PL::C(parts) }
}

fn sequence(parts: Vec<StructureTag>) -> StructureTag {
    universal(16, PL::C(parts))
}

fn octets(text: &str) -> StructureTag {
    universal(4, PL::P(text.as_bytes().to_vec()))
}

fn universal(id: u64, payload: PL) -> StructureTag {
    StructureTag { class: TagClass::Universal, id, payload }
}

fn text(tag: &StructureTag) -> String {
    String::from_utf8(bytes(tag)).unwrap()
}

fn bytes(tag: &StructureTag) -> Vec<u8> {
    tag.clone().expect_primitive().unwrap()
}
