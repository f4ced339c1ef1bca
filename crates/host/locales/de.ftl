# Was der Host selbst in der Kachel sagt, auf Deutsch. Alles andere dort kommt von der App.

## The tile
tile-label = Kein Zugang zu Ihrem Konto?
tile-open = Konto entsperren oder neues Passwort setzen
tile-first-day = Erster Tag? Passwort setzen
tile-simple = Einfaches Formular verwenden
tile-go-on = Weiter
tile-cancel = Abbrechen
tile-opening = Wird geöffnet. Das dauert etwa 5 Sekunden.
tile-failed = Das ließ sich nicht öffnen. Versuchen Sie „Einfaches Formular verwenden“ oder fragen Sie Ihren Service Desk.
tile-help = Fragen Sie Ihren Service Desk.

## While it runs
flow-again = Einen Moment, es wird ein anderer Weg versucht.
flow-failed = Das ließ sich nicht öffnen. Fragen Sie Ihren Service Desk.
flow-away = Nichts wurde geändert: Eine Weile war niemand hier.
flow-too-long = Nichts wurde geändert: Es hat zu lange gedauert. Beginnen Sie neu.
flow-closing = Einen Moment. Was offen war, wird geschlossen.

## Why it does not begin
refused-busy = Jemand anderes verwendet das gerade auf diesem PC. Versuchen Sie es in einigen Minuten noch einmal.
refused-moment = Einen Moment bitte. Was vorher offen war, wird noch geschlossen. Versuchen Sie es noch einmal.
refused-often = Das wurde sehr oft geöffnet. Versuchen Sie es in 10 Minuten noch einmal.
refused-off = Das ist auf diesem PC abgeschaltet. Fragen Sie Ihren Service Desk.
