//! An organisation with everything it runs: the service, a mail server, and the accounts of its
//! people, either in the service's own directory or in an Active Directory domain with an
//! agent beside it. The same questions for both, answered by the directory itself.

use anyhow::{Context, Result, bail};

use super::people::Person;
use crate::lab::{
    agent::Agent,
    ldap::Bind,
    samba::{Account, Samba},
    service::{self, Service, SignIn},
    smtp::Mailbox,
    wait::{self, PATIENCE},
};

/// The organisation.
pub struct Organisation {
    /// Where its mail goes.
    pub mailbox: Mailbox,
    /// Its service.
    pub service: Service,
    /// Its accounts.
    pub directory: Directory,
}

/// Where the accounts are.
pub enum Directory {
    /// In the service itself.
    Embedded,
    /// In a domain of its own.
    ActiveDirectory(Box<Domain>),
}

/// A domain and the agent beside it.
pub struct Domain {
    /// The agent. Before the domain: it ends first.
    pub agent: Agent,
    /// The domain.
    pub samba: Samba,
}

/// The name of the one directory in the service.
const DIRECTORY: &str = "Staff";
const EMBEDDED_SUFFIX: &str = "demo.example";

impl Organisation {
    /// One that needs nothing but the service, with these people.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn embedded(people: &[Person]) -> Result<Self> {
        let mailbox = Mailbox::start()?;
        let service = Service::start(&mailbox)?;
        service.create_embedded_directory(DIRECTORY)?;
        for person in people {
            let account = service::Person {
                user_id: &format!("{}@{EMBEDDED_SUFFIX}", person.name),
                display_name: person.display_name,
                email: person.email,
                password: person.password,
                first_day: person.first_day,
            };
            service.add(DIRECTORY, &account)?;
        }
        Ok(Self { mailbox, service, directory: Directory::Embedded })
    }

    /// One with a domain and an agent, with these people, all of them known to the service.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn active_directory(people: &[Person]) -> Result<Self> {
        Self::beside(people, |samba, code| Agent::start(samba, code))
    }

    /// The same, its agent a service of Windows.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn active_directory_and_windows(people: &[Person]) -> Result<Self> {
        Self::beside(people, |samba, code| Agent::start_on_windows(samba, code))
    }

    /// One with a domain and whatever agent `start_agent` starts beside it, with a code.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn beside(
        people: &[Person],
        start_agent: impl FnOnce(&mut Samba, &str) -> Result<Agent>,
    ) -> Result<Self> {
        Self::in_domain(Samba::start()?, people, start_agent)
    }

    /// The same, with an agent that signs in by Kerberos.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn active_directory_by_kerberos(people: &[Person]) -> Result<Self> {
        Self::in_domain(Samba::start_with_kerberos()?, people, |samba, code| {
            Agent::start_by_kerberos(samba, code)
        })
    }

    fn in_domain(
        mut samba: Samba,
        people: &[Person],
        start_agent: impl FnOnce(&mut Samba, &str) -> Result<Agent>,
    ) -> Result<Self> {
        let mailbox = Mailbox::start()?;
        let service = Service::start(&mailbox)?;
        for person in people {
            samba.add(&Account {
                name: person.name,
                display_name: person.display_name,
                mail: person.email,
                password: person.password,
                must_change: person.first_day,
            })?;
            if !person.first_day {
                // Who has worked here before has signed in before.
                samba.try_bind(person.name, person.password)?;
            }
        }
        let code = service.create_agent_directory(DIRECTORY)?;
        let agent = start_agent(&mut samba, &code)?;
        wait::until("the agent's first synchronisation", PATIENCE, || {
            let all = service.directories()?;
            let known = all.iter().find(|line| line.name == DIRECTORY);
            Ok(known.filter(|line| line.accounts == people.len()).map(drop))
        })
        .with_context(|| agent.log_end())?;
        Ok(Self {
            mailbox,
            service,
            directory: Directory::ActiveDirectory(Box::new(Domain { agent, samba })),
        })
    }

    /// The user ID of this person.
    pub fn user_id(&self, person: &Person) -> String {
        match &self.directory {
            Directory::Embedded => format!("{}@{EMBEDDED_SUFFIX}", person.name),
            Directory::ActiveDirectory(domain) => domain.samba.upn(person.name),
        }
    }

    /// Locks this person's account with three wrong passwords.
    ///
    /// # Errors
    /// When the account is not locked afterwards.
    pub fn lock(&self, person: &Person) -> Result<()> {
        match &self.directory {
            Directory::Embedded => self.service.lock(&self.user_id(person)),
            Directory::ActiveDirectory(domain) => domain.samba.lock(person.name),
        }
    }

    /// Whether the directory says that the account is locked.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn is_locked(&self, person: &Person) -> Result<bool> {
        match &self.directory {
            Directory::Embedded => {
                Ok(self.service.account(&self.user_id(person))?["locked"] == true)
            }
            Directory::ActiveDirectory(domain) => domain.samba.is_locked(person.name),
        }
    }

    /// Signs in as this person at the directory itself. One wrong password more is one wrong
    /// password more: three lock the account.
    ///
    /// # Errors
    /// When the directory cannot be asked, or says something else.
    pub fn sign_in(&self, person: &Person, password: &str) -> Result<SignIn> {
        match &self.directory {
            Directory::Embedded => self.service.sign_in(&self.user_id(person), password),
            Directory::ActiveDirectory(domain) => {
                match domain.samba.try_bind(person.name, password)? {
                    Bind::Accepted => Ok(SignIn::Accepted),
                    Bind::Wrong => Ok(SignIn::Wrong),
                    Bind::Locked => Ok(SignIn::Locked),
                    Bind::MustChange => Ok(SignIn::MustChange),
                    Bind::Other(said) => bail!("{}: {said}", person.name),
                }
            }
        }
    }

    /// The domain, for stories that are about it.
    ///
    /// # Errors
    /// When this organisation has none.
    pub fn domain(&mut self) -> Result<&mut Domain> {
        match &mut self.directory {
            Directory::ActiveDirectory(domain) => Ok(domain),
            Directory::Embedded => bail!("this organisation has no domain"),
        }
    }
}
