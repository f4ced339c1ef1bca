# What people read, in English. Short, active, no blame (ui.md). At most 60 words a page.
# Keys are named page-part; error-* end in the codes of crates/protocol.

## Frame
frame-default-tenant = Account help
frame-title = { $page } – { $tenant }
frame-title-error = Error: { $page } – { $tenant }
frame-settings = Display
frame-language = Language
frame-text-size = Text size
frame-text-size-value = { $percent }%
frame-contrast = Contrast
frame-contrast-windows = As Windows
frame-contrast-device = As this device
frame-contrast-light = Light
frame-contrast-dark = Dark
frame-contrast-high = High
frame-get-help = Get help
frame-cancel = Stop
frame-leave = Back to sign-in
frame-case = Case
frame-back = Back
frame-continue = Continue
frame-moment = One moment. This takes a few seconds.
frame-no-connection = No connection. We keep trying.
error-summary-title = There is a problem

## Start
start-title = What do you need help with?
start-cant-sign-in = I can’t sign in
start-cant-sign-in-text = Your account is locked, or you forgot your password
start-first-day = It’s my first day here
start-first-day-text = Set your first password
start-after-network = This PC accepts a new password only after it reaches the company network.

## User ID
user-id-title = What is your user ID?
user-id-known = Is this your user ID?
user-id-help = Often your work mail address. You type it to sign in.
user-id-help-first-day = You find it in the welcome letter from your employer.
user-id-missing = Enter your user ID

## Choose method
choose-method-title = How do you want to prove it’s you?
choose-method-second = Now a second proof that it’s you
choose-method-email = Send a code to { $address }
choose-method-email-spoken = Send a code to the mail address starting with { $mailbox }, at a domain starting with { $domain }

## Enter code
enter-code-title = Enter the { $digits } digits from the mail
enter-code-second = Step { $number } of { $of }: enter the { $digits } digits from the mail
enter-code-sent = We sent a code if the ID is right and set up. It can take a minute.
enter-code-user-id = User ID
enter-code-change = Change
enter-code-change-spoken = Change the user ID
enter-code-mail = Mail to
enter-code-mail-seen = { $address }
enter-code-mail-spoken = the mail address starting with { $mailbox }, at a domain starting with { $domain }
enter-code-good-for = { $minutes ->
    [one] The code is good for about { $minutes } minute.
   *[other] The code is good for about { $minutes } minutes.
}
enter-code-expired = This code has expired. Send a new one.
enter-code-again = Send it again
enter-code-again-in = { $seconds ->
    [one] Send it again in { $seconds } second
   *[other] Send it again in { $seconds } seconds
}
enter-code-again-sent = A new code is on its way. Only the newest works.
enter-code-other-way = Choose another way
enter-code-none = No code?
enter-code-none-text = Check the user ID above. Look in the spam folder.
enter-code-missing = Enter the { $digits } digits from the mail

## Checking
checking-title = We are looking at your account
checking-text = This takes a few seconds.
checking-long = It takes longer than usual. We ask for up to a minute.

## Choice
choice-locked-title = Your account is locked. Do you know your password?
choice-locked-title-no-choice = Your account is locked
choice-locked-unlock = Yes, unlock my account
choice-locked-unlock-text = You keep your password
choice-locked-reset = No, or I’m not sure
choice-locked-reset-text = You set a new password
choice-nothing-wrong-title = Your account is fine. Do you know your password?
choice-nothing-wrong-reset = No: set a new password
choice-nothing-wrong-change = Yes, and I want a new one
choice-nothing-wrong-know = Yes, I know my password
choice-nothing-wrong-know-text = Then check these four things
choice-nothing-wrong-tip-1 = Caps Lock is off.
choice-nothing-wrong-tip-2 = The keyboard is set to your language.
choice-nothing-wrong-tip-3 = You type the password, not the PIN.
choice-nothing-wrong-tip-4 = This PC is on the network.
choice-password-expired-title = Your password has run out
choice-known-password-expired-title = Your password has run out. Do you know it?
choice-password-expired-text = Set a new one and go on.
choice-must-change-title = It’s time for a new password
choice-known-must-change-title = It’s time for a new password. Do you know the one you have?
choice-must-change-text = The one you have must be changed before you sign in.
choice-known-change = Yes, change it
choice-known-change-text = Everything it protects is kept
choice-known-reset = No, or I’m not sure
choice-known-reset-text = You set a new password
choice-never-used-title = Welcome. Your account is ready
choice-never-used-text = It only needs a password that you choose.
choice-reset = Set a new password
choice-reset-first = Set your first password
choice-unlock = Unlock my account
choice-disabled-title = Your account is switched off
choice-disabled-text = Only IT can switch it on. Nothing was changed.
choice-account-expired-title = Your account has ended
choice-account-expired-text = Your manager can ask IT to extend it. Nothing was changed.
choice-smart-card-only-title = You sign in with a smart card
choice-smart-card-only-text = A new password does not help there. If your card fails, get help. Nothing was changed.
choice-too-new-title = Your password is too new to change
choice-too-new-text = Your company lets a password rest for a while, often a day. Try again tomorrow, or get help. Nothing was changed.
choice-protected-title = This account is specially protected
choice-protected-text = Only an administrator can help with it. Nothing was changed.
choice-two-forests-title = You have an account in two company directories
choice-two-forests-text = IT must say which one you use. Get help. Nothing was changed.
choice-unreachable-title = We cannot see your account right now
choice-unreachable-text = The company directory does not answer. Nothing was changed. Try again in a few minutes.

## New password
new-password-title = Set a new password
new-password-title-first = Set your first password
new-password-help = Three or four words that you remember make a strong one.
new-password-show = Show
new-password-show-spoken = Show password
new-password-hide = Hide
new-password-hide-spoken = Hide password
new-password-shown = Your password is visible.
new-password-hidden = Your password is hidden.
new-password-caps-lock = Caps Lock is on.
new-password-keyboard = Keyboard: { $layout }
new-password-rules = Your password needs
new-password-rule-too-short = { $count ->
    [one] At least { $count } character
   *[other] At least { $count } characters
}
new-password-rule-too-long = No more than { $count } characters
new-password-rule-too-few-classes = { $count ->
    [one] { $count } of these: ABC, abc, 123, symbols
   *[other] { $count } of these: ABC, abc, 123, symbols
}
new-password-rule-contains-name = No part of your name or user ID
new-password-rule-unusable-character = No tabs or line breaks
new-password-rule-history = { $count ->
    [one] Not your last password
   *[other] None of your last { $count } passwords
}
new-password-rule-incomplete = More company rules may apply.
new-password-met = Done: { $rule }
new-password-open = Not yet: { $rule }
new-password-count = { $met } of { $all } done.
new-password-submit = Set password
new-password-missing = Enter a new password
new-password-unmet-too-short = { $count ->
    [one] Make it longer: at least { $count } character
   *[other] Make it longer: at least { $count } characters
}
new-password-unmet-too-long = Make it shorter: no more than { $count } characters
new-password-unmet-too-few-classes = Mix more kinds: { $count } of ABC, abc, 123, symbols
new-password-unmet-contains-name = Leave out your name and your user ID
new-password-unmet-unusable-character = Leave out tabs and line breaks
new-password-refused-too-short = That was too short. Choose a longer one.
new-password-refused-too-long = That was too long. Choose a shorter one.
new-password-refused-too-few-classes = Too few kinds of characters. Mix ABC, abc, 123 and symbols.
new-password-refused-contains-name = That had your name in it. Choose one without it.
new-password-refused-unusable-character = That had a character that cannot be used. Choose another password.
new-password-refused-used-before = You used that one before. Choose a new one.
new-password-refused-too-new = Your password is too new to change. Try tomorrow, or get help.
new-password-refused-too-common = That one is easy to guess. Choose a rarer one.
new-password-refused-rules = Company rules forbid that one. Choose a longer one with other words.

## Change password
change-password-title = Change your password
change-password-present = Password you have now
change-password-new = New password
change-password-submit = Change password
change-password-present-missing = Enter the password you have now
change-password-same = Choose one that is not the one you have now
change-password-wrong = That is not the password you have now. One more try.

## Working
working-unlock-title = We are unlocking your account
working-reset-title = We are setting your new password
working-change-title = We are changing your password
working-text = This takes a few seconds. Stay on this page.
working-long = It takes longer than usual. We wait up to two minutes. Stay on this page.

## Done
done-unlock-title = Your account is unlocked
done-unlock-text = Sign in with the password you know.
done-unlock-next = If it locks again, a phone or tablet may still hold an old password: change it there first.
done-reset-title = Your new password is set
done-reset-title-first = Your first password is set
done-reset-now = Sign in on this PC with it now.
done-reset-after-network = This PC takes it once it reaches the company network. Until then, the old one works here.
done-reset-only-on-network = This PC takes it once it reaches the company network.
done-reset-looking = We see if this PC reaches the company network. This takes up to a minute.
done-reset-unknown = Sign in with it. A PC away from the company network may first need to connect.
done-later = It may take some minutes until it counts at your site.
done-reset-next = Then change it on your phone and tablet too, or they may lock you out again.
done-reset-next-first = Keep it to yourself. IT never asks for it.
done-still = It still doesn’t work: set a new password
done-finish = Finish

## Not done
not-done-unlock-title = Your account is not unlocked
not-done-reset-title = Your password is not changed
not-done-change-title = Your password is not changed
not-done-changed = Somebody changed your account at the same moment. Try again.
not-done-protected = This account is specially protected. Only an administrator can help with it.
not-done-no-account = Your account is not in the directory any more. Get help.
not-done-no-right = We are not allowed to change your account. Get help: IT can mend this.
not-done-agent-limit = This is paused right now. Try again later, or get help.
not-done-switched-off = Changing accounts is switched off right now. Try again later, or get help.
not-done-directory-unreachable = The company directory does not answer. Try again in a few minutes.
not-done-expired = It took too long, so we stopped. Try again.
not-done-not-opened = Something changed on our side. Try again.
not-done-no-agent = The company directory cannot be reached now. Try again in a few minutes.
not-done-old-password = That is not the password you have now. Set a new one instead.
not-done-two-forests = You have an account in two company directories. Get help: IT must say which one you use.
not-done-smart-card-only = You sign in to this account with a smart card. A new password does not help. Get help.
not-done-still = Your old password stays as it was.
not-done-try-unlock = Try again to unlock
not-done-try-reset = Set a new password
not-done-try-change = Try again to change it

## Not known
not-known-title = We don’t know yet if it worked
not-known-unlock-text = Wait five minutes, then sign in with the password you know.
not-known-reset-text = Wait five minutes, then sign in with the new password. If it fails, use the old one.
not-known-change-text = Wait five minutes, then sign in with the new password. If it fails, use the old one.
not-known-next = If nothing works, get help and say your case code.

## Ended
ended-finished-title = All done
ended-finished-text = You can close this page and sign in.
ended-cancelled-title = Stopped
ended-cancelled-text = Nothing more happens. You can close this page.
ended-idle-title = We closed this for your safety
ended-idle-text = Nothing happened for five minutes.
ended-too-long-title = Your time ran out
ended-too-long-text = To keep your account safe, this ends after an hour.
ended-replaced-title = This went on somewhere else
ended-replaced-text = A newer try for the same account took over. If that was not you, get help.
ended-too-many-tries-title = Too many wrong codes
ended-too-many-tries-text = To keep your account safe, we stopped. Get help, or try again later.
ended-unknown-title = This page is out of date
ended-unknown-text = Start again. It takes a few minutes.
ended-again = Start again

## Unreachable
unreachable-offline-title = This device is not online
unreachable-offline-text = Connect to a network, then try again.
unreachable-proxy-title = Your network’s proxy stops us
unreachable-proxy-text = Try another network, or get help: IT can let us through.
unreachable-clock-title = This device shows the wrong date or time
unreachable-clock-text = Set date and time right, then try again.
unreachable-certificate-title = The connection is not safe
unreachable-certificate-text = Something on this network pretends to be our service. Try another network.
unreachable-captive-portal-title = This network wants you to sign in first
unreachable-captive-portal-text = Open its welcome page, agree to it there, then try again. A phone’s hotspot works too.
unreachable-service-title = Our service does not answer
unreachable-service-text = Your network is fine. Try again in a few minutes.
unreachable-retry = Try again

## Get help
get-help-title = Get help
get-help-text = Say your case code. They see where you are, never your password.
get-help-text-no-case = They can help you sign in. They never ask for your password.
get-help-phone = Call
get-help-hours = Open
get-help-url = Web page
get-help-qr = Scan with your phone
get-help-qr-spoken = QR code for { $url }
get-help-case = Case code
get-help-nobody = Ask a colleague for the number of your IT service desk.

## Still there?
still-there-title = Are you still there?
still-there-text = { $seconds ->
    [one] To keep your account safe, we close this in about { $seconds } second. Press any key to go on.
   *[other] To keep your account safe, we close this in about { $seconds } seconds. Press any key to go on.
}
still-there-go-on = Go on

## Errors
error-malformed = Check what you typed, then try again
error-malformed-user-id = Check your user ID: up to 256 characters, no line breaks
error-bot-check-failed = We could not make sure that a person is here. Try again
error-code-wrong = That code does not match. Enter the digits from the newest mail
error-code-expired = This code has expired. Send a new one
error-seal-rejected = Something changed on our side. Enter the password again
error-recipients-changed = Something changed on our side. Enter the password again
error-too-many = { $minutes ->
    [one] That was too often. Try again in about { $minutes } minute
   *[other] That was too often. Try again in about { $minutes } minutes
}
error-account-busy = This account is being changed right now. Try again in half a minute
error-directory-unavailable = The company directory does not answer now. Try again in a few minutes
error-recovery-paused = This is paused right now. Try again later, or get help
error-mail-unavailable = We cannot send mail right now. Try again in a few minutes
error-unknown-host = This address is not one of ours. Check the address of this page
error-wrong-tenant = This app belongs to another organisation. Get help
error-unavailable = We are very busy. Try again in a minute
error-internal = Something broke on our side. Try again, or get help
error-changed = Something changed meanwhile. Look again at this page
error-earlier-password = The password that you typed first is the one that counts
error-unreachable-offline = This device is not online. Connect to a network, then try again
error-unreachable-proxy = Your network’s proxy stops us. Try another network
error-unreachable-clock = This device shows the wrong date or time. Set it right, then try again
error-unreachable-certificate = The connection is not safe. Try another network
error-unreachable-captive-portal = This network wants you to sign in first. Do that, then try again
error-unreachable-service = Our service does not answer. Try again in a minute
