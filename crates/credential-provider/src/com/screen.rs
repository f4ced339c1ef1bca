//! What one provider knows, on the screen's thread: which screen, which users, how the host
//! wants the tile, the tiles themselves. Joins the calls of the screen with the worker's news.
//!
//! While somebody else is called nothing is borrowed: the screen may call back in.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel},
    },
    time::Duration,
};

use protocol::host::{
    Text,
    tile::{Scenario, SidText, Tell, Tile as Look},
};
use windows::{
    Win32::UI::Shell::{ICredentialProviderCredential, ICredentialProviderEvents},
    core::{ComObject, Interface as _, Result},
};
use zeroize::Zeroizing;

use super::{
    busy,
    credential::{Credential, IUserTile},
    pipe, sentinel, sign_in, system,
    window::{Bell, Window},
};
use crate::{
    grant::{Grant, Holder, LIFE, Report},
    host::Host,
    scenario,
    tile::{Effect, Flow},
    users::{self, Owner},
    words::{self, Words},
    worker::{self, FIRST_ANSWER, News, Order, Whereabouts},
};

/// All of one provider.
pub(super) struct Screen {
    state: RefCell<State>,
}

struct State {
    /// Which screen; none before it was said.
    screen: Option<scenario::Screen>,
    users: Vec<Option<String>>,
    look: Known,
    events: Option<(ICredentialProviderEvents, usize)>,
    tiles: Vec<ComObject<Credential>>,
    /// How many tiles the screen was told of.
    told: Option<usize>,
    grant: Holder,
    /// The newest flow and whose tile it is.
    newest: (Flow, Option<Owner>),
    worker: Option<Worker>,
    window: Option<Window>,
}

/// How the host wants the tile.
enum Known {
    /// It has not answered yet; until when it is waited for.
    Asked { until: Duration },
    /// Like this.
    There(Rc<Look>),
    /// There is no tile.
    NotThere,
}

struct Worker {
    /// What a person pressed: as many as they can press.
    orders: Sender<Order>,
    news: Receiver<News>,
}

/// Most news that wait. A worker whose news nobody takes waits, and the host with it.
const WAITING: usize = 64;

impl Screen {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            state: RefCell::new(State {
                screen: None,
                users: Vec::new(),
                look: Known::NotThere,
                events: None,
                tiles: Vec::new(),
                told: None,
                grant: Holder::default(),
                newest: (0, None),
                worker: None,
                window: None,
            }),
        })
    }

    /// Which screen it is. The host is asked at once, on the worker's thread.
    pub(super) fn open(self: &Rc<Self>, screen: scenario::Screen) -> Result<()> {
        let window = {
            let state = self.state.try_borrow().map_err(busy)?;
            state.window.is_none()
        };
        let window = if window { Some(Window::new(self)?) } else { None };
        let old = {
            let mut state = self.state.try_borrow_mut().map_err(busy)?;
            if window.is_some() {
                state.window = window;
            }
            state.screen = Some(screen);
            state.look = Known::Asked { until: system::now() + FIRST_ANSWER };
            let old = (std::mem::take(&mut state.tiles), state.worker.take());
            state.hire()?;
            old
        };
        drop(old);
        Ok(())
    }

    /// The screen listens.
    pub(super) fn advise(&self, events: ICredentialProviderEvents, context: usize) -> Result<()> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let old = state.events.replace((events, context));
        drop(state);
        drop(old);
        Ok(())
    }

    /// The screen lets go. What it has not taken is wiped; a sign-in that is under way goes on.
    pub(super) fn let_go(&self) -> Result<()> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        state.grant.let_go();
        let is_signing_in = state.grant.is_handed();
        let worker = if is_signing_in { None } else { state.worker.take() };
        let old = (state.events.take(), std::mem::take(&mut state.tiles), worker);
        state.told = None;
        drop(state);
        // Letting go of others may call back in.
        drop(old);
        if let Some(sentinel) = sentinel() {
            sentinel.clear();
        }
        Ok(())
    }

    /// Whom the screen lists.
    pub(super) fn set_users(&self, users: Vec<Option<String>>) -> Result<()> {
        self.state.try_borrow_mut().map_err(busy)?.users = users;
        Ok(())
    }

    /// How many tiles there are, and which one signs in by itself. Waits for the host's first
    /// answer, but for no longer than its time.
    pub(super) fn count(self: &Rc<Self>) -> Result<(usize, Option<usize>)> {
        self.wait_for_look()?;
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let owners = state.owners();
        let is_same = owners.len() == state.tiles.len()
            && owners.iter().zip(&state.tiles).all(|(owner, tile)| tile.is_of(owner));
        let old = if is_same {
            Vec::new()
        } else {
            let make = |owner| ComObject::new(Credential::new(self, owner));
            let tiles = owners.iter().cloned().map(make).collect();
            std::mem::replace(&mut state.tiles, tiles)
        };
        let default = state.grant.tile(&owners, system::now());
        state.told = Some(owners.len());
        drop(state);
        drop(old);
        Ok((owners.len(), default))
    }

    /// A tile.
    pub(super) fn tile(&self, index: u32) -> Result<Option<ICredentialProviderCredential>> {
        let state = self.state.try_borrow().map_err(busy)?;
        let tile = usize::try_from(index).ok().and_then(|index| state.tiles.get(index));
        tile.map(|tile| tile.to_interface::<IUserTile>().cast()).transpose()
    }

    fn wait_for_look(&self) -> Result<()> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let Known::Asked { until } = state.look else {
            return Ok(());
        };
        let left = until.saturating_sub(system::now());
        // Nobody but the worker is waited for, and it never calls in: holding the state is safe.
        let news = state.worker.as_ref().map(|worker| worker.news.recv_timeout(left));
        match news {
            Some(Ok(News::Tile(look))) => state.learn(look),
            Some(Ok(_) | Err(RecvTimeoutError::Timeout)) => {}
            Some(Err(RecvTimeoutError::Disconnected)) | None => state.look = Known::NotThere,
        }
        Ok(())
    }

    /// How the tile looks, and the words between the host's.
    pub(super) fn look(&self) -> Result<(Option<Rc<Look>>, &'static Words)> {
        let state = self.state.try_borrow().map_err(busy)?;
        let look = match &state.look {
            Known::There(look) => Some(look.clone()),
            Known::Asked { .. } | Known::NotThere => None,
        };
        Ok((look, words::of(system::language())))
    }

    /// The number for a flow that may be begun.
    pub(super) fn next_flow(&self) -> Result<Flow> {
        Ok(self.state.try_borrow().map_err(busy)?.newest.0.wrapping_add(1))
    }

    /// Does what a tile wants.
    pub(super) fn does(&self, effect: Effect, owner: &Owner) -> Result<()> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let order = match effect {
            Effect::Start { flow, way, form } => {
                state.newest = (flow, Some(owner.clone()));
                let who = owner.sid().and_then(SidText::parse);
                Order::Start { flow, who, way, form }
            }
            Effect::Answer { flow, answer } => Order::Answer { flow, answer },
            Effect::Cancel { flow } => Order::Cancel { flow },
        };
        if state.worker.is_none() {
            state.hire()?;
        }
        let is_taken =
            state.worker.as_ref().is_some_and(|worker| worker.orders.send(order).is_ok());
        let others: Vec<_> =
            state.tiles.iter().filter(|tile| !tile.is_of(owner)).cloned().collect();
        drop(state);
        for tile in others {
            tile.yields()?;
        }
        if is_taken { Ok(()) } else { Err(busy(())) }
    }

    /// What is to be handed to Windows for this tile, once.
    pub(super) fn take_grant(&self, owner: &Owner) -> Result<Option<(Grant, scenario::Screen)>> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let Some(screen) = state.screen else {
            return Ok(None);
        };
        Ok(state.grant.take(owner, system::now()).map(|grant| (grant, screen)))
    }

    /// What came of a sign-in; whether it was of a grant.
    pub(super) fn report(&self, signed_in: bool) -> Result<bool> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let is_ours = state.grant.report() == Report::OfGrant;
        if is_ours && let Some(worker) = &state.worker {
            // A worker that is gone has nobody to tell.
            let _ = worker.orders.send(Order::LogonResult { signed_in });
        }
        Ok(is_ours)
    }

    /// The worker rang.
    pub(super) fn hear_news(&self) {
        loop {
            let news = {
                let Ok(state) = self.state.try_borrow() else {
                    // Called back in while it was held: whoever holds it rings again.
                    return;
                };
                state.worker.as_ref().and_then(|worker| worker.news.try_recv().ok())
            };
            let Some(news) = news else {
                return;
            };
            // What one message could not do, the next may.
            let _ = self.hear(news);
        }
    }

    fn hear(&self, news: News) -> Result<()> {
        match news {
            News::Tile(look) => {
                let mut state = self.state.try_borrow_mut().map_err(busy)?;
                state.learn(look);
                let has_come = matches!(state.look, Known::There(_)) && state.told == Some(0);
                drop(state);
                if has_come { self.enumerate_again() } else { Ok(()) }
            }
            News::Told { flow, tell: Tell::Grant(grant) } => self.hear_grant(flow, &grant),
            News::Told { flow, tell: Tell::Foreground { process } } => {
                // On the screen's own thread, which has the foreground; it waits for nobody.
                if self.state.try_borrow().map_err(busy)?.newest.0 == flow {
                    system::hand_foreground_to(process);
                }
                Ok(())
            }
            News::Told { flow, tell } => match self.tile_of(flow)? {
                Some(tile) => tile.hears(flow, tell),
                None => Ok(()),
            },
            News::Lost { flow } => match self.tile_of(flow)? {
                Some(tile) => tile.loses(flow),
                None => Ok(()),
            },
            News::Lived => {
                if let Some(sentinel) = sentinel() {
                    sentinel.clear();
                }
                Ok(())
            }
        }
    }

    fn hear_grant(&self, flow: Flow, grant: &protocol::host::tile::Grant) -> Result<()> {
        let mut state = self.state.try_borrow_mut().map_err(busy)?;
        let (newest, owner) = state.newest.clone();
        // The policy is asked here as well: the host alone must not decide to sign somebody in.
        let (Some(owner), true) = (owner, flow == newest && system::takes_grants()) else {
            return Ok(());
        };
        let mut password = Zeroizing::new(Vec::with_capacity(grant.password.expose().len()));
        password.extend(grant.password.expose().encode_utf16());
        let grant = Grant {
            sid: owner.sid().map(str::to_owned),
            domain: grant.domain.as_str().to_owned(),
            user: grant.user.as_str().to_owned(),
            password,
        };
        state.grant.offer(grant, system::now());
        if let Some(window) = &state.window {
            window.wake(LIFE);
        }
        drop(state);
        self.enumerate_again()
    }

    /// A grant's time may be over.
    pub(super) fn expire(&self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.grant.expire(system::now());
        }
    }

    fn enumerate_again(&self) -> Result<()> {
        let events = self.state.try_borrow().map_err(busy)?.events.clone();
        let Some((events, context)) = events else {
            return Ok(());
        };
        // SAFETY: the screen gave it, on this thread, and has not taken it back.
        unsafe { events.CredentialsChanged(context) }
    }

    fn tile_of(&self, flow: Flow) -> Result<Option<ComObject<Credential>>> {
        let state = self.state.try_borrow().map_err(busy)?;
        Ok(state.tiles.iter().find(|tile| tile.runs(flow)).cloned())
    }

    /// How Windows is handed a grant.
    pub(super) fn packages(&self) -> &'static dyn sign_in::Packages {
        sign_in::PACKAGES
    }
}

impl State {
    fn learn(&mut self, look: Option<Look>) {
        self.look = match look {
            Some(mut look) => {
                if let Some(label) = system::label() {
                    look.label = Text::cut(&label);
                }
                Known::There(Rc::new(look))
            }
            None => Known::NotThere,
        };
    }

    fn owners(&self) -> Vec<Owner> {
        let (Some(screen), Known::There(look)) = (self.screen, &self.look) else {
            return Vec::new();
        };
        let mut owners = users::tiles(screen, &self.users);
        owners.retain(|owner| look.other_user || *owner != Owner::Other);
        owners
    }

    /// Starts a worker; it looks for the host at once.
    fn hire(&mut self) -> Result<()> {
        let (Some(screen), Some(window)) = (self.screen, &self.window) else {
            return Err(busy(()));
        };
        let at = Whereabouts {
            scenario: match screen {
                scenario::Screen::SignIn => Scenario::Logon,
                scenario::Screen::Unlock => Scenario::Unlock,
            },
            session: system::session(),
            language: Text::cut(words::tag(system::language())),
        };
        let (orders, ordered) = channel();
        let (tell, news) = sync_channel(WAITING);
        let bell: Bell = window.bell();
        let host: Arc<dyn Host> = Arc::new(pipe::OfMachine);
        let run = move || {
            let tell = |news| {
                // Nobody listens any more: then nobody needs to know.
                let _ = tell.send(news);
                bell.ring();
            };
            // A panic in here ends the thread, not the screen: `std` catches it, and the tile
            // says that it is not available.
            worker::run(&host, &at, &ordered, &tell);
        };
        std::thread::Builder::new()
            .name("regain-tile".to_owned())
            .spawn(run)
            .map_err(|_| windows::core::Error::from_hresult(windows::Win32::Foundation::E_FAIL))?;
        self.worker = Some(Worker { orders, news });
        Ok(())
    }
}
