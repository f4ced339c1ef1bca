# What only the simple form on the sign-in screen says, in English. Everything else that is read
# there are the words of the pages (ui/locales), so that both say the same.

simple-more = More ways
simple-new-again = New password again
simple-again-title = Type the new password once more
simple-different = The two new passwords were different. Type them again
simple-still-there = To keep your account safe, we close this in about a minute.
simple-list = { $title }: { $all }
simple-help = { $name } – { $all }
