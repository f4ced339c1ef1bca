# What the host itself says in the tile, in English. Everything else there comes from the app.

## The tile
tile-label = Can’t access your account?
tile-open = Unlock my account or set a new password
tile-first-day = First day? Set your password
tile-simple = Use the simple form
tile-go-on = Continue
tile-cancel = Cancel
tile-opening = Opening. This takes about 5 seconds.
tile-failed = This could not be opened. Try “Use the simple form”, or ask your service desk.
tile-help = Ask your service desk.

## While it runs
flow-again = One moment, trying another way.
flow-failed = This could not be opened. Ask your service desk.
flow-away = Nothing was changed: nobody was here for a while.
flow-too-long = Nothing was changed: it took too long. Begin again.
flow-closing = One moment. What was open is being closed.

## Why it does not begin
refused-busy = Somebody else is using this on this PC. Try again in a few minutes.
refused-moment = One moment, please. What was open before is still being closed. Try again.
refused-often = This was opened very often. Try again in 10 minutes.
refused-off = This is switched off on this PC. Ask your service desk.
