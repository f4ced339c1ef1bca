# Was nur das einfache Formular am Anmeldebildschirm sagt, auf Deutsch.

simple-more = Weitere Wege
simple-new-again = Neues Passwort noch einmal
simple-again-title = Geben Sie das neue Passwort noch einmal ein
simple-different = Die beiden neuen Passwörter waren verschieden. Geben Sie sie noch einmal ein
simple-still-there = Zum Schutz Ihres Kontos schließen wir das in etwa einer Minute.
simple-list = { $title }: { $all }
simple-help = { $name } – { $all }
