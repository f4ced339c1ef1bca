# What the service says to people. Words: short, active, no blame (see CONTRIBUTING.md).

view-choose-method-title = How do you want to prove who you are?
view-choose-method-text = Choose one way.
view-enter-code-title = Enter the code
view-enter-code-text = We sent a code if the ID { $user } is right and set up. It can take a minute.
view-checking-title = Checking your account
view-checking-text = This takes a few seconds.
view-choice-title = What do you want to do?
view-choice-text = Unlock your account, or set a new password.
view-choice-none-title = Somebody has to help you
view-choice-none-text = This account cannot be mended here. Call your service desk.
view-new-password-title = Set a new password
view-new-password-text = Use one that you use nowhere else.
view-working-title = Changing your account
view-working-text = This takes a few seconds. Stay on this page.
view-done-unlock-title = Your account is unlocked
view-done-unlock-text = Sign in with the password you know.
view-done-reset-title = Your new password is set
view-done-reset-text = Sign in with your new password.
view-not-done-title = Nothing was changed
view-not-done-text = Try again, or call your service desk.
view-not-known-title = We do not know yet
view-not-known-text = Try to sign in. If it does not work, call your service desk and tell them the case code.
view-ended-title = This has ended
view-ended-text = Start again when you are ready.

mail-greeting = Hello { $name },
mail-code-subject = { $tenant }: your code
mail-code-lead = Somebody is trying to get back into your account { $user }. If that is you, enter this code:
mail-code-life =
    { $minutes ->
        [one] It is good for { $minutes } minute.
       *[other] It is good for { $minutes } minutes.
    }
mail-code-warn = Tell this code to nobody, not even to your service desk. If this was not you, do nothing: without the code nobody gets in.
mail-cannot-recover-subject = { $tenant }: somebody asked for a code
mail-cannot-recover-lead = Somebody asked for a code for your account { $user }. This account cannot be recovered that way.
mail-cannot-recover-warn = If that was you, call your service desk. If not, do nothing.
mail-unlocked-subject = { $tenant }: your account is unlocked
mail-unlocked-lead = Your account { $user } was unlocked just now.
mail-unlocked-warn = If that was not you, call your service desk at once.
mail-password-set-subject = { $tenant }: your password was changed
mail-password-set-lead = A new password was set for your account { $user } just now.
mail-password-set-warn = If that was not you, call your service desk at once.
mail-address-changed-subject = { $tenant }: the address for your codes was changed
mail-address-changed-lead = The address to which codes for your account { $user } go was changed. The new one counts after three days.
mail-address-changed-warn = If you know of this change, do nothing. If not, call your service desk now.
mail-help = Help: { $help }
mail-case = Case code: { $case }
