//! One domain controller: LDAPS with a checked certificate, a bind, and one warm connection
//! that is made anew when it broke. Every call has a time limit.
//!
//! Only reads are repeated on a new connection. A write is sent once; who loses its answer
//! finds out by reading (`Directory::resolve`).
//!
//! Long: a connection, and how rarely our own account is tried, are read together.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope as SearchScope, SearchStream, StdStream,
    adapters::{Adapter, EntriesOnly, PagedResults},
    controls::RawControl,
};
use rustls::ClientConfig;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use super::{
    SettingsError,
    domain::{Domain, Head},
    entry::Entry,
    policy::{self, Policy},
    refusal::{BindRefusal, Fault},
    sign_in::SignIn,
};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
pub(super) const READ_LIMIT: Duration = Duration::from_secs(5);
/// For a page of a list, which a controller may have to look for.
const LIST_LIMIT: Duration = Duration::from_secs(60);
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// What the other end has not acknowledged for so long is never sent again.
#[cfg(target_os = "linux")]
const DELIVERY_LIMIT: Duration = Duration::from_secs(15);
/// How long no bind is tried after the first refused one, the second, and each further one: at
/// most three in an hour, so that we do not lock our own account, nor keep it locked.
const BIND_PAUSES: [Duration; 3] =
    [Duration::from_secs(15 * 60), Duration::from_secs(30 * 60), Duration::from_secs(60 * 60)];
/// How long a controller that could not be used is asked last. Longer than two probes are
/// apart, so that only those wait for it.
const FAILING: Duration = Duration::from_secs(75);
const PAGE: i32 = 500;

/// A controller, its address and what is needed to log on there.
pub(super) struct Controller {
    /// As configured; names the controller in fences.
    pub(super) url: String,
    pub(super) host: String,
    port: u16,
    tls: Arc<ClientConfig>,
    login: Arc<Login>,
    warm: tokio::sync::Mutex<Option<Session>>,
    /// When it last could not be used.
    failed_at: Mutex<Option<Instant>>,
}

/// The service account of one domain, shared by its controllers.
pub(super) struct Login {
    pub(super) sign_in: SignIn,
    pub(super) base_dns: Vec<String>,
    pub(super) excluded_dns: Vec<String>,
    standing: Mutex<Standing>,
    /// While it is not certain that we are let in, one try at a time: one wrong password, tried
    /// at each of three controllers, would lock our own account.
    turn: tokio::sync::Mutex<()>,
}

/// What is known of our own account.
#[derive(Default)]
struct Standing {
    is_let_in: bool,
    refused: Option<RefusedBind>,
}

struct RefusedBind {
    /// What it was tried with.
    credential: Zeroizing<String>,
    refusal: BindRefusal,
    until: Instant,
    /// How often in a row.
    times: usize,
}

impl Standing {
    /// Whether a bind with this credential may be tried. Another one than the refused one may:
    /// an administrator has put it there.
    fn may_try(&self, credential: &Zeroizing<String>, now: Instant) -> Result<(), Fault> {
        match &self.refused {
            Some(refused) if refused.credential == *credential && now < refused.until => {
                Err(Fault::BindRefused(refused.refusal))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Says for how long no further try is made.
    fn was_refused(
        &mut self,
        credential: Zeroizing<String>,
        refusal: BindRefusal,
        now: Instant,
    ) -> Duration {
        let times = self.refused.take().map_or(0, |refused| refused.times + 1);
        let longest = BIND_PAUSES[BIND_PAUSES.len() - 1];
        let pause = BIND_PAUSES.get(times).copied().unwrap_or(longest);
        self.refused = Some(RefusedBind { credential, refusal, until: now + pause, times });
        self.is_let_in = false;
        pause
    }
}

impl Login {
    pub(super) fn new(sign_in: SignIn, base_dns: Vec<String>, excluded_dns: Vec<String>) -> Self {
        let (standing, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { sign_in, base_dns, excluded_dns, standing, turn }
    }

    /// Why our own account was not let in the last time.
    pub(super) fn refusal(&self) -> Option<BindRefusal> {
        lock(&self.standing).refused.as_ref().map(|refused| refused.refusal)
    }

    /// Lets it be tried again at once.
    pub(super) fn try_again(&self) {
        if let Some(refused) = lock(&self.standing).refused.as_mut() {
            refused.until = Instant::now();
        }
    }

    /// What to try with now.
    fn credential_to_try(&self) -> Result<Zeroizing<String>, Fault> {
        let credential = self.sign_in.credential()?;
        lock(&self.standing).may_try(&credential, Instant::now())?;
        Ok(credential)
    }
}

/// A connection with a bound service account and what was learnt of the domain.
#[derive(Clone)]
pub(super) struct Session {
    ldap: Ldap,
    pub(super) domain: Arc<Domain>,
}

impl Controller {
    /// Reads an address such as `ldaps://dc1.example.org` or `ldaps://dc1.example.org:3269`.
    pub(super) fn new(
        url: &str,
        tls: Arc<ClientConfig>,
        login: Arc<Login>,
    ) -> Result<Self, SettingsError> {
        let (host, port) = parse(url).ok_or_else(|| SettingsError::Controller(url.to_owned()))?;
        Ok(Self {
            url: url.to_owned(),
            host,
            port,
            tls,
            login,
            warm: tokio::sync::Mutex::new(None),
            failed_at: Mutex::new(None),
        })
    }

    /// Another controller of the same domain, by its host name.
    pub(super) fn sibling(&self, host: &str) -> Result<Self, SettingsError> {
        Self::new(&format!("ldaps://{host}"), Arc::clone(&self.tls), Arc::clone(&self.login))
    }

    /// Whether it could not be used lately: then others are asked first.
    pub(super) fn is_failing(&self) -> bool {
        lock(&self.failed_at).is_some_and(|at| at.elapsed() < FAILING)
    }

    /// The warm connection, or a new one.
    pub(super) async fn session(&self) -> Result<Session, Fault> {
        let mut warm = self.warm.lock().await;
        if let Some(session) = warm.as_mut()
            && !session.is_closed()
        {
            return Ok(session.clone());
        }
        *warm = None;
        let session = self.new_session().await;
        *lock(&self.failed_at) = session.is_err().then(Instant::now);
        let session = session?;
        *warm = Some(session.clone());
        Ok(session)
    }

    /// A connection of its own, for long reads that must not hold up a write.
    pub(super) async fn new_session(&self) -> Result<Session, Fault> {
        // No connection for a bind that is not to be tried.
        drop(self.login.credential_to_try()?);
        let mut ldap = self.connect().await?;
        self.bind(&mut ldap).await?;
        Session::learn(ldap, &self.login).await
    }

    /// Forgets the warm connection, after it broke or left a write unanswered.
    pub(super) async fn forget(&self) {
        *self.warm.lock().await = None;
    }

    /// Reads one entry on the warm connection, and once more on a new one when that broke.
    pub(super) async fn read(
        &self,
        dn: &str,
        attributes: &'static [&'static str],
    ) -> Result<(Session, Option<Entry>), Fault> {
        let session = self.session().await?;
        match session.read(dn, attributes).await {
            Err(Fault::Broken(cause)) => {
                tracing::debug!(controller = %self.url, %cause, "connection lost, making it anew");
                self.forget().await;
                let session = self.session().await?;
                let entry = session.read(dn, attributes).await?;
                Ok((session, entry))
            }
            other => Ok((session, other?)),
        }
    }

    /// Whether `password` opens the account `dn`, tried once on a connection of its own.
    pub(super) async fn proves(&self, dn: &str, password: &str) -> Result<bool, Fault> {
        let mut ldap = self.connect().await?;
        let answer = timed(READ_LIMIT, ldap.simple_bind(dn, password)).await?;
        let proven =
            answer.rc == 0 || answer.rc == 49 && BindRefusal::read(&answer.text).proves_password();
        Ok(proven)
    }

    async fn connect(&self) -> Result<Ldap, Fault> {
        let broken = |error: std::io::Error| Fault::Broken(error.to_string());
        let connecting = async {
            let stream =
                TcpStream::connect((self.host.as_str(), self.port)).await.map_err(broken)?;
            stream.set_nodelay(true).map_err(broken)?;
            // Else the system would deliver a write minutes after everybody gave it up: bytes
            // that were handed to it are sent again long after the connection is closed.
            #[cfg(target_os = "linux")]
            socket2::SockRef::from(&stream)
                .set_tcp_user_timeout(Some(DELIVERY_LIMIT))
                .map_err(broken)?;
            let settings = LdapConnSettings::new()
                .set_config(Arc::clone(&self.tls))
                .set_std_stream(StdStream::Tcp(stream.into_std().map_err(broken)?));
            LdapConnAsync::with_settings(settings, &self.url).await.map_err(Fault::of)
        };
        let (connection, ldap) = timeout(CONNECT_LIMIT, connecting).await.map_err(|_| {
            Fault::Broken(format!("no connection within {} s", CONNECT_LIMIT.as_secs()))
        })??;
        let controller = self.url.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%controller, %error, "connection ended");
            }
        });
        Ok(ldap)
    }

    async fn bind(&self, ldap: &mut Ldap) -> Result<(), Fault> {
        let is_let_in = lock(&self.login.standing).is_let_in;
        let _turn = if is_let_in { None } else { Some(self.login.turn.lock().await) };
        let credential = self.login.credential_to_try()?;
        match self.login.sign_in.bind(ldap, &self.host, &credential).await {
            Ok(()) => {
                *lock(&self.login.standing) = Standing { is_let_in: true, refused: None };
                Ok(())
            }
            Err(Fault::BindRefused(refusal)) => {
                if refusal.is_about_account() {
                    let now = Instant::now();
                    let pause = lock(&self.login.standing).was_refused(credential, refusal, now);
                    let minutes = pause.as_secs() / 60;
                    tracing::error!(controller = %self.url, %refusal, minutes, "the service account cannot sign in; no further try for a while");
                } else {
                    tracing::error!(controller = %self.url, %refusal, "the service account cannot sign in");
                }
                Err(Fault::BindRefused(refusal))
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Session {
    async fn learn(ldap: Ldap, login: &Login) -> Result<Self, Fault> {
        let domain = Arc::new(Domain::learn(&ldap, login).await?);
        Ok(Self { ldap, domain })
    }

    /// Whether the connection has ended.
    pub(super) fn is_closed(&mut self) -> bool {
        self.ldap.is_closed()
    }

    /// The head of the naming context, as it was at most a minute ago.
    pub(super) async fn head(&self) -> Result<Arc<Head>, Fault> {
        match self.domain.kept_head() {
            Some(head) => Ok(head),
            None => self.read_head().await,
        }
    }

    /// The head of the naming context as it is now.
    pub(super) async fn read_head(&self) -> Result<Arc<Head>, Fault> {
        let entry = self.read(&self.domain.head, Head::ATTRIBUTES).await?;
        let head = Arc::new(Head::read(entry.as_ref()));
        self.domain.keep_head(&head);
        Ok(head)
    }

    /// The rules in force for an account, as they were at most a minute ago.
    pub(super) async fn policy_of(&self, account: &Entry) -> Result<Policy, Fault> {
        let head = self.head().await?;
        let domain = head.policy.clone();
        let Some(dn) = account.text("msDS-ResultantPSO") else {
            return Ok(domain);
        };
        let fine_grained = match self.domain.kept_policy(dn) {
            Some(kept) => kept,
            None => {
                let settings = self.read(dn, policy::FINE_GRAINED).await?;
                let policy = settings.as_ref().and_then(Policy::fine_grained);
                self.domain.keep_policy(dn, policy.clone());
                policy
            }
        };
        Ok(fine_grained.unwrap_or_else(|| domain.incomplete()))
    }

    /// Reads one entry; `None` when there is none or we may not see it.
    pub(super) async fn read(
        &self,
        dn: &str,
        attributes: &'static [&'static str],
    ) -> Result<Option<Entry>, Fault> {
        match search(&self.ldap, dn, SearchScope::Base, "(objectClass=*)", attributes).await {
            Ok(mut entries) => Ok(entries.pop()),
            Err(Fault::Refused { code: 32, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Searches a subtree; at most `limit` entries.
    pub(super) async fn find(
        &self,
        base: &str,
        filter: &str,
        attributes: &'static [&'static str],
        limit: i32,
    ) -> Result<Vec<Entry>, Fault> {
        let mut ldap = self.ldap.clone();
        let options = ldap3::SearchOptions::new().sizelimit(limit);
        ldap.with_search_options(options);
        let found =
            timed(READ_LIMIT, ldap.search(base, SearchScope::Subtree, filter, attributes)).await?;
        // 4: there were more than asked for.
        match found.1.rc {
            0 | 4 => Ok(found.0.into_iter().map(Entry::read).collect()),
            _ => Err(found.1.into()),
        }
    }

    /// Reads who may do what to an object: the security descriptor without owner and audit list.
    pub(super) async fn access_list(&self, dn: &str) -> Result<Option<Vec<u8>>, Fault> {
        /// LDAP_SERVER_SD_FLAGS_OID with DACL_SECURITY_INFORMATION.
        const FLAGS_OID: &str = "1.2.840.113556.1.4.801";
        const DACL_ONLY: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x04];
        let mut ldap = self.ldap.clone();
        ldap.with_controls(RawControl {
            ctype: FLAGS_OID.to_owned(),
            crit: true,
            val: Some(DACL_ONLY.to_vec()),
        });
        let attributes = vec!["nTSecurityDescriptor"];
        let reading = ldap.search(dn, SearchScope::Base, "(objectClass=*)", attributes);
        let (entries, _) = timed(READ_LIMIT, reading).await?.success().map_err(Fault::of)?;
        let entry = entries.into_iter().next().map(Entry::read);
        Ok(entry.and_then(|entry| entry.all("nTSecurityDescriptor").first().cloned()))
    }

    /// Searches under a control.
    pub(super) async fn find_under(
        &self,
        control: RawControl,
        base: &str,
        scope: SearchScope,
        filter: &str,
        attributes: &'static [&'static str],
    ) -> Result<Vec<Entry>, Fault> {
        let mut ldap = self.ldap.clone();
        ldap.with_controls(control);
        let found = timed(LIST_LIMIT, ldap.search(base, scope, filter, attributes)).await?;
        let (entries, _) = found.success().map_err(Fault::of)?;
        Ok(entries.into_iter().map(Entry::read).collect())
    }

    /// Who may do what; `None` as well when we may not see it.
    pub(super) async fn access_list_if_seen(&self, dn: &str) -> Result<Option<Vec<u8>>, Fault> {
        match self.access_list(dn).await {
            Err(Fault::Refused { .. }) => Ok(None),
            other => other,
        }
    }

    /// Searches a whole subtree, to be read page by page.
    pub(super) async fn pages(
        &self,
        base: &str,
        filter: &str,
        attributes: Vec<String>,
    ) -> Result<Pages, Fault> {
        let adapters: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(LIST_LIMIT);
        let stream = ldap
            .streaming_search_with(adapters, base, SearchScope::Subtree, filter, attributes)
            .await
            .map_err(Fault::of)?;
        Ok(Pages(Some(stream)))
    }

    /// Changes one entry in one request, sent once; under a control when one is named.
    pub(super) async fn modify(
        &self,
        dn: &str,
        changes: Vec<Mod<&[u8]>>,
        control: Option<RawControl>,
    ) -> Result<(), Fault> {
        let mut ldap = self.ldap.clone();
        if let Some(control) = control {
            ldap.with_controls(control);
        }
        let answer = timed(WRITE_LIMIT, ldap.modify(dn, changes)).await?;
        match answer.rc {
            0 => Ok(()),
            _ => Err(answer.into()),
        }
    }
}

/// The entries of a search, as they come.
pub(super) struct Pages(Option<SearchStream<'static, String, Vec<String>>>);

impl Pages {
    /// The next entries; `None` after the last. The next page is asked for only then.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, Fault> {
        let Some(stream) = &mut self.0 else { return Ok(None) };
        let mut page = Vec::with_capacity(PAGE as usize);
        while let Some(raw) = stream.next().await.map_err(Fault::of)? {
            page.push(Entry::read(raw));
            if page.len() == PAGE as usize {
                return Ok(Some(page));
            }
        }
        stream.finish().await.success().map_err(Fault::of)?;
        self.0 = None;
        Ok((!page.is_empty()).then_some(page))
    }
}

pub(super) async fn search(
    ldap: &Ldap,
    base: &str,
    scope: SearchScope,
    filter: &str,
    attributes: &'static [&'static str],
) -> Result<Vec<Entry>, Fault> {
    let mut ldap = ldap.clone();
    let found = timed(READ_LIMIT, ldap.search(base, scope, filter, attributes)).await?;
    let (entries, _) = found.success().map_err(Fault::of)?;
    Ok(entries.into_iter().map(Entry::read).collect())
}

pub(super) async fn timed<T>(
    limit: Duration,
    call: impl Future<Output = ldap3::result::Result<T>>,
) -> Result<T, Fault> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map_err(Fault::of),
        Err(_) => Err(Fault::Broken(format!("no answer within {} s", limit.as_secs()))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse(url: &str) -> Option<(String, u16)> {
    let address = url.strip_prefix("ldaps://")?;
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (address, 636),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (!host.is_empty() && host.chars().all(plain)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_refused_account_is_tried_at_most_three_times_an_hour_and_then_hourly() {
        let mut standing = Standing::default();
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        let mut tries = Vec::new();
        // Somebody asks every five seconds, for ten hours.
        for step in 0..(10 * 3600 / 5) {
            let now = start + Duration::from_secs(5 * step);
            if standing.may_try(&password("wrong"), now).is_ok() {
                tries.push(now);
                standing.was_refused(password("wrong"), BindRefusal::Locked, now);
            }
        }
        assert_eq!(tries.len(), 3 + 9);
        for hour in tries.windows(4) {
            assert!(hour[3] - hour[0] > 60 * minute, "three an hour at most");
        }
        let within_lockout = |window: &[Instant]| window[2] - window[0] < 30 * minute;
        assert!(!tries.windows(3).any(within_lockout), "two in half an hour lock nobody");
        // A new password is tried at once, and the count goes on if it is wrong as well.
        let now = start + Duration::from_secs(10 * 3600);
        assert!(standing.may_try(&password("new"), now).is_ok());
        standing.was_refused(password("new"), BindRefusal::WrongPassword, now);
        assert!(standing.may_try(&password("new"), now + 59 * minute).is_err());
    }

    #[test]
    fn only_ldaps_is_an_address() {
        assert_eq!(parse("ldaps://dc1.example.org"), Some(("dc1.example.org".to_owned(), 636)));
        assert_eq!(parse("ldaps://127.0.0.21:10636"), Some(("127.0.0.21".to_owned(), 10636)));
        for bad in [
            "ldap://dc1",
            "dc1",
            "ldaps://",
            "ldaps://dc1/x",
            "ldaps://dc1:x",
            "ldaps://a@b",
            "ldaps://dc1?x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
