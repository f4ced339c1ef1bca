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
view-cannot-recover-disabled-title = You cannot get back in by yourself
view-cannot-recover-disabled-text = Your account { $user } is switched off. Only these people can switch it on: { $help }.
view-cannot-recover-protected-title = You cannot get back in by yourself
view-cannot-recover-protected-text = Your account { $user } is specially protected. Only an administrator can help with it. Ask: { $help }.
view-cannot-recover-not-set-up-title = You cannot get back in by yourself
view-cannot-recover-not-set-up-text = Your account { $user } is not set up for this, or not yet: there is no address on file that a code could be sent to. These people can help: { $help }.
view-new-password-title = Set a new password
view-new-password-text = Use one that you use nowhere else.
view-change-password-title = Change your password
view-change-password-text = Type the password you have now and a new one.
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
mail-number-changed-subject = { $tenant }: your telephone number was changed
mail-number-changed-lead = A telephone number of your account { $user } was added or changed. It counts after three days.
mail-number-changed-warn = If you know of this change, do nothing. If not, call your service desk now.
mail-help = Help: { $help }
mail-case = Case code: { $case }

mail-alert-greeting = Hello,
mail-alert-no-agent-subject = { $tenant }: no agent answers, nobody can be helped
mail-alert-no-agent-lead =
    { $minutes ->
        [one] No agent of the directory { $directory } has answered for { $minutes } minute. Until one does, nobody in it can unlock an account or set a new password by themselves.
       *[other] No agent of the directory { $directory } has answered for { $minutes } minutes. Until one does, nobody in it can unlock an account or set a new password by themselves.
    }
mail-alert-no-agent-warn = On the agent's machine: regain-agent doctor. At the service: regain-service directory list.
mail-alert-agent-back-subject = { $tenant }: an agent answers again
mail-alert-agent-back-lead =
    { $minutes ->
        [one] An agent of the directory { $directory } answers again, after about { $minutes } minute. People can be helped.
       *[other] An agent of the directory { $directory } answers again, after about { $minutes } minutes. People can be helped.
    }
mail-alert-agent-back-warn = Nothing needs to be done. The agent's event log tells what had happened.
mail-alert-hourly-limit-subject = { $tenant }: an agent stopped at its hourly limit
mail-alert-hourly-limit-lead = The agent { $agent } of the directory { $directory } was asked for more changes in an hour than its own limit allows, and has stopped.
mail-alert-hourly-limit-warn = Look at the audit trail first: somebody may be changing many accounts through the service. When all is well, on the agent's machine: regain-agent release, as an administrator on Windows, on Linux as its user: sudo -u regain-agent regain-agent release.
mail-alert-account-locked-subject = { $tenant }: an agent's account is locked
mail-alert-account-locked-lead = The directory { $directory } has locked the account that the agent { $agent } signs in with. The agent tries again only now and then, so that it does not keep the account locked.
mail-alert-account-locked-warn = Find out who tried wrong passwords for it, unlock it, then on the agent's machine: regain-agent release, as an administrator on Windows, on Linux as its user: sudo -u regain-agent regain-agent release. What keeps it from being locked again is printed by regain-agent doctor.
mail-alert-account-refused-subject = { $tenant }: an agent's account is refused
mail-alert-account-refused-lead = The directory { $directory } does not let in the account that the agent { $agent } signs in with; its password is wrong, most likely. The agent tries again only now and then, so that it does not lock the account.
mail-alert-account-refused-warn = Put the right password into the agent's password file; it is tried at once. What else may be wrong is said by regain-agent doctor.

welcome-title = Your first day: set your password
welcome-greeting = Hello { $name }, welcome to { $tenant }.
welcome-lead = Nobody chose a password for you. You set your first one yourself, with what is printed here.
welcome-user = Your user ID
welcome-address = Web address
welcome-qr = QR code with the web address { $address }
welcome-tile = Can't access your account?
welcome-ways = Two ways to begin
welcome-way-pc = At your PC: on the sign-in screen, choose “{ $tile }”. If you do not see it, choose “Other user” first.
welcome-way-web = On a phone or another computer: type the web address, or scan the code.
welcome-steps = Then
welcome-step-first = Choose “It’s my first day here”.
welcome-step-user = Enter your user ID.
welcome-step-prove = Show that it is you: a code goes to the private address that you gave us. Enter it.
welcome-step-password = Choose your password. Sign in at your PC with it.
welcome-safe = Stay safe
welcome-safe-nobody-asks = Tell your codes and your password to nobody. Nobody from { $tenant } will ask for them.
welcome-safe-address = Before you type anything on the web, look whether the address begins with { $address }.
welcome-safe-found = This page opens nothing by itself. If you lose it, nothing happens; if it is not yours, throw it away.
welcome-help = If something does not work
