//! What the settings are called and what they do, in the languages of the templates. Only the
//! generator calls this: nothing of it is in a program.

use super::Key;

/// A text in both languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Both {
    pub(super) en: &'static str,
    pub(super) de: &'static str,
}

/// Settings that are one policy in the editor: those that only mean something together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) id: &'static str,
    pub(super) keys: &'static [Key],
}

const fn alone(id: &'static str, keys: &'static [Key]) -> Group {
    Group { id, keys }
}

/// All policies, in the order of the documentation.
pub(super) const GROUPS: [Group; 14] = [
    alone("Tile", &[Key::Tile]),
    alone("TileLabel", &[Key::TileLabel]),
    alone("RemoteSessions", &[Key::RemoteSessions]),
    alone("Service", &[Key::Service]),
    alone("Tenant", &[Key::Tenant]),
    alone("DirectoryKeys", &[Key::DirectoryKeys]),
    alone("CaFile", &[Key::CaFile]),
    alone("Proxy", &[Key::Proxy]),
    alone("FleetToken", &[Key::FleetToken]),
    alone("ReportIntervalHours", &[Key::ReportInterval]),
    alone("SignInHandOver", &[Key::SignInHandOver]),
    alone("Vpn", &[Key::VpnCommand, Key::VpnTimeout]),
    alone("Language", &[Key::Language]),
    alone("Help", &[Key::HelpName, Key::HelpPhone, Key::HelpHours, Key::HelpUrl]),
];

/// What a field is called.
pub(super) const fn label(key: Key) -> Both {
    match key {
        Key::Tile => Both { en: "Show the tile", de: "Kachel zeigen" },
        Key::TileLabel => Both { en: "Words under the tile", de: "Text unter der Kachel" },
        Key::RemoteSessions => {
            Both { en: "Tile in Remote Desktop sessions", de: "Kachel in Remotedesktopsitzungen" }
        }
        Key::Service => Both { en: "Web address of the service", de: "Webadresse des Dienstes" },
        Key::Tenant => Both { en: "Tenant ID", de: "Mandantenkennung" },
        Key::DirectoryKeys => Both {
            en: "Fingerprints of directory keys",
            de: "Fingerabdrücke der Verzeichnisschlüssel",
        },
        Key::CaFile => Both {
            en: "File with your own certificate authority",
            de: "Datei mit eigener Zertifizierungsstelle",
        },
        Key::Proxy => Both { en: "Proxy", de: "Proxy" },
        Key::FleetToken => Both { en: "Fleet token", de: "Flottenschlüssel" },
        Key::ReportInterval => {
            Both { en: "Hours between two reports", de: "Stunden zwischen zwei Berichten" }
        }
        Key::SignInHandOver => Both {
            en: "Sign in once with the new password",
            de: "Einmal mit dem neuen Passwort anmelden",
        },
        Key::VpnCommand => Both { en: "Command", de: "Befehl" },
        Key::VpnTimeout => {
            Both { en: "Longest wait in seconds", de: "Längste Wartezeit in Sekunden" }
        }
        Key::Language => Both { en: "First language", de: "Erste Sprache" },
        Key::HelpName => Both { en: "Name of the service desk", de: "Name der Hilfestelle" },
        Key::HelpPhone => Both { en: "Telephone", de: "Telefon" },
        Key::HelpHours => Both { en: "Hours", de: "Sprechzeiten" },
        Key::HelpUrl => Both { en: "Web address", de: "Webadresse" },
    }
}

/// What a policy is called.
pub(super) fn title(group: &Group) -> Both {
    match (group.id, group.keys) {
        ("Vpn", _) => Both {
            en: "Connect to the organisation's network (VPN)",
            de: "Mit dem Netz der Organisation verbinden (VPN)",
        },
        ("Help", _) => Both { en: "Whom to ask for help", de: "Wer hilft" },
        (_, [first, ..]) => label(*first),
        (_, []) => Both { en: "", de: "" },
    }
}

/// What a policy does.
pub(super) fn explanation(group: &Group) -> Both {
    match group.id {
        "Tile" => Both {
            en: "Whether the sign-in screen shows the tile with which people unlock their account or set a new password. Disabled: no tile, from the next sign-in screen on. Enabled or not configured: the tile is there. A value that is neither 0 nor 1 counts as disabled.",
            de: "Ob der Anmeldebildschirm die Kachel zeigt, mit der Personen ihr Konto entsperren oder ein neues Passwort setzen. Deaktiviert: keine Kachel, ab dem nächsten Anmeldebildschirm. Aktiviert oder nicht konfiguriert: Die Kachel ist da. Ein Wert, der weder 0 noch 1 ist, zählt als deaktiviert.",
        },
        "TileLabel" => Both {
            en: "The words under the tile. Not configured: \"Can't access your account?\", in the language of the sign-in screen.",
            de: "Der Text unter der Kachel. Nicht konfiguriert: \"Kein Zugriff auf Ihr Konto?\", in der Sprache des Anmeldebildschirms.",
        },
        "RemoteSessions" => Both {
            en: "Whether the tile is also there on the sign-in screen of a Remote Desktop session. Disabled or not configured: it is not.",
            de: "Ob die Kachel auch auf dem Anmeldebildschirm einer Remotedesktopsitzung da ist. Deaktiviert oder nicht konfiguriert: Sie ist es nicht.",
        },
        "Service" => Both {
            en: "Where the service is: https, name and, if it is not 443, port, with nothing behind it. The app does not start without it.",
            de: "Wo der Dienst ist: https, Name und, wenn er nicht 443 ist, der Port, ohne etwas dahinter. Ohne diese Angabe startet die App nicht.",
        },
        "Tenant" => Both {
            en: "The tenant that this device belongs to, as \"regain-service tenant create\" printed it. A service that is another tenant's is then refused.",
            de: "Der Mandant, zu dem dieses Gerät gehört, wie \"regain-service tenant create\" ihn ausgegeben hat. Ein Dienst eines anderen Mandanten wird dann abgelehnt.",
        },
        "DirectoryKeys" => Both {
            en: "One fingerprint a line, as \"regain-service directory list\" prints them. New passwords are then sealed for agents that these keys vouch for, and for nobody else, whatever the service says.",
            de: "Ein Fingerabdruck je Zeile, wie \"regain-service directory list\" sie ausgibt. Neue Passwörter werden dann nur für Agenten versiegelt, für die diese Schlüssel bürgen, gleich was der Dienst sagt.",
        },
        "CaFile" => Both {
            en: "A PEM file with the only certificate authorities that the app trusts; it must lie where only administrators write. Not configured: those of Windows.",
            de: "Eine PEM-Datei mit den einzigen Zertifizierungsstellen, denen die App vertraut; sie muss dort liegen, wo nur Administratoren schreiben. Nicht konfiguriert: die von Windows.",
        },
        "Proxy" => Both {
            en: "The proxy through which the service is reached, without a name and password. Not configured: the proxy of the system.",
            de: "Der Proxy, über den der Dienst erreicht wird, ohne Namen und Passwort. Nicht konfiguriert: der Proxy des Systems.",
        },
        "FleetToken" => Both {
            en: "With what new devices enrol by themselves. Everybody on the device can read it: make one that expires and is good for as many devices as you have, and revoke it after the roll-out. Devices that enrolled with it count as seen, not as trusted.",
            de: "Womit sich neue Geräte selbst anmelden. Auf dem Gerät kann ihn jeder lesen: Stellen Sie einen aus, der abläuft und für so viele Geräte gilt, wie Sie haben, und ziehen Sie ihn nach der Verteilung zurück. Damit angemeldete Geräte gelten als gesehen, nicht als vertrauenswürdig.",
        },
        "ReportIntervalHours" => Both {
            en: "How many hours pass between two reports in which a device says whether its people could recover, and why not. Each device adds a random time of its own. Not configured: 24.",
            de: "Wie viele Stunden zwischen zwei Berichten liegen, in denen ein Gerät sagt, ob die Wiederherstellung bei ihm ginge, und warum nicht. Jedes Gerät verteilt sie zufällig. Nicht konfiguriert: 24.",
        },
        "SignInHandOver" => Both {
            en: "Whether the device signs the person in, once, with the password that was just set. The password is then held in memory until that one try. Disabled or not configured: the person types it.",
            de: "Ob das Gerät die Person einmal mit dem eben gesetzten Passwort anmeldet. Das Passwort bleibt dann bis zu diesem einen Versuch im Speicher. Deaktiviert oder nicht konfiguriert: Die Person gibt es selbst ein.",
        },
        "Vpn" => Both {
            en: "A program that brings this device into the organisation's network after a reset, when no domain controller can be reached: its full path, in quotation marks if there are spaces in it, and fixed arguments. It runs without a window; nothing that a person typed is handed to it. It must lie where only administrators write. Then the device looks for a controller again.",
            de: "Ein Programm, das dieses Gerät nach dem Zurücksetzen ins Netz der Organisation bringt, wenn kein Domänencontroller erreichbar ist: der volle Pfad, bei Leerzeichen in Anführungszeichen, und feste Argumente. Es läuft ohne Fenster; nichts, was eine Person eingegeben hat, wird ihm übergeben. Es muss dort liegen, wo nur Administratoren schreiben. Danach sucht das Gerät erneut nach einem Controller.",
        },
        "Language" => Both {
            en: "The language that the pages begin with; the person may choose another one. Not configured: that of Windows.",
            de: "Die Sprache, mit der die Seiten beginnen; die Person kann eine andere wählen. Nicht konfiguriert: die von Windows.",
        },
        "Help" => Both {
            en: "Whom to ask while the service cannot be reached. Each field may be left empty.",
            de: "An wen man sich wendet, solange der Dienst nicht erreichbar ist. Jedes Feld darf leer bleiben.",
        },
        _ => Both { en: "", de: "" },
    }
}
