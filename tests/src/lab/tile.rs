//! A Windows that Wine plays, with the tile's library registered as the installer writes it, and
//! a program that plays the sign-in screen and the host (`tests/windows/logon-ui`).

use anyhow::Result;

use super::{
    wait::{self, PATIENCE},
    wine::{Wine, built, shipped},
};

/// The library.
pub const DLL: &str = "regain_credential_provider.dll";
const CLASS: &str = "{9A7C1E52-6B0D-4F38-8E21-5D3B7A40C6F1}";
const SHIPPED: &str = r"C:\Program Files\Regain\1\regain_credential_provider.dll";
const BREAKABLE: &str = r"C:\Program Files\Regain\breakable\regain_credential_provider.dll";
const SCREEN: &str = r"C:\Program Files\Screen\LogonUI.exe";
const PROMPT: &str = r"C:\Program Files\Screen\consent.exe";
/// The sentinel's file.
const LOADS: &str = r"C:\ProgramData\Regain Host\tile-loads";
const HOST: &str = "regain-host";

/// The machine. Its host is not started.
pub struct SignInScreen {
    wine: Wine,
}

impl SignInScreen {
    /// With the library as it is shipped.
    ///
    /// # Errors
    /// When Wine does not come up or something is not built.
    pub fn start() -> Result<Self> {
        Self::with(SHIPPED)
    }

    /// With the library that can be told to panic, and to find what Wine does not have.
    ///
    /// # Errors
    /// As before.
    pub fn start_breakable() -> Result<Self> {
        Self::with(BREAKABLE)
    }

    fn with(library: &str) -> Result<Self> {
        let wine = Wine::start()?;
        wine.write(SHIPPED, std::fs::read(shipped(DLL)?)?)?;
        wine.write(BREAKABLE, std::fs::read(built(DLL)?)?)?;
        let screen = std::fs::read(built("LogonUI.exe")?)?;
        wine.write(SCREEN, &screen)?;
        wine.write(PROMPT, &screen)?;
        // The installer makes the folder.
        wine.write(r"C:\ProgramData\Regain Host\tile\none", "")?;
        let machine = Self { wine };
        machine.register(library)?;
        let host = format!("\"{SCREEN}\" host");
        machine.run("sc", &["create", HOST, "binPath=", &host])?;
        Ok(machine)
    }

    fn register(&self, library: &str) -> Result<()> {
        let library = library.replace('\\', r"\\");
        let providers =
            r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers";
        let text = format!(
            "REGEDIT4\n\n\
             [HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\CLSID\\{CLASS}]\n@=\"Regain\"\n\n\
             [HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\CLSID\\{CLASS}\\InprocServer32]\n\
             @=\"{library}\"\n\"ThreadingModel\"=\"Apartment\"\n\n\
             [HKEY_LOCAL_MACHINE\\{providers}\\{CLASS}]\n@=\"Regain\"\n"
        );
        self.wine.write(r"C:\provider.reg", text)?;
        self.run("regedit", &["/S", r"C:\provider.reg"]).map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        // Wine has no package to sign in with: the breakable library is told of one.
        let mut command = self.wine.command(program);
        command.args(arguments).env("RUST_BACKTRACE", "0").env("REGAIN_PACKAGE", "9");
        self.wine.run(&mut command, "")
    }

    /// Starts the host.
    ///
    /// # Errors
    /// When it does not run in time.
    pub fn start_host(&self) -> Result<()> {
        self.run("sc", &["start", HOST])?;
        self.wait_for_host(4)
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop_host(&self) -> Result<()> {
        self.run("sc", &["stop", HOST])?;
        self.wait_for_host(1)
    }

    fn wait_for_host(&self, state: u32) -> Result<()> {
        wait::until("the host", PATIENCE, || {
            Ok((self.wine.service_state(HOST)? == Some(state)).then_some(()))
        })
    }

    /// A story of the screen, in a process of its own; what it says.
    ///
    /// # Errors
    /// When something is not as promised.
    pub fn tell(&self, story: &[&str]) -> Result<String> {
        self.run(SCREEN, story)
    }

    /// The same in a program that asks for a password.
    ///
    /// # Errors
    /// As before.
    pub fn tell_in_a_prompt(&self, story: &[&str]) -> Result<String> {
        self.run(PROMPT, story)
    }

    /// How often the library was loaded without living on.
    ///
    /// # Errors
    /// When the machine has no drive C.
    pub fn loads(&self) -> Result<usize> {
        let file = self.wine.path(LOADS)?;
        Ok(std::fs::read_to_string(file).map_or(0, |lines| lines.lines().count()))
    }

    /// Forgets them, as an administrator does.
    ///
    /// # Errors
    /// When there are none.
    pub fn clear_loads(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.wine.path(LOADS)?)?)
    }
}
