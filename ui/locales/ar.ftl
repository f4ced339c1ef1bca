# ما يقرؤه الناس بالعربية. تشرح en.ftl المفاتيح.

## Frame
frame-default-tenant = مساعدة الحساب
frame-title = { $page } – { $tenant }
frame-title-error = خطأ: { $page } – { $tenant }
frame-settings = العرض
frame-language = اللغة
frame-text-size = حجم النص
frame-text-size-value = { $percent }%
frame-contrast = التباين
frame-contrast-windows = مثل Windows
frame-contrast-device = مثل هذا الجهاز
frame-contrast-light = فاتح
frame-contrast-dark = داكن
frame-contrast-high = عالٍ
frame-get-help = طلب المساعدة
frame-cancel = إيقاف
frame-leave = العودة إلى تسجيل الدخول
frame-case = الحالة
frame-back = رجوع
frame-continue = متابعة
frame-moment = لحظة. يستغرق هذا بضع ثوانٍ.
frame-no-connection = لا يوجد اتصال. نواصل المحاولة.
error-summary-title = توجد مشكلة

## Start
start-title = بماذا تحتاج إلى المساعدة؟
start-cant-sign-in = لا أستطيع تسجيل الدخول
start-cant-sign-in-text = حسابك مقفل أو نسيت كلمة المرور
start-first-day = هذا يومي الأول هنا
start-first-day-text = تعيين أول كلمة مرور
start-after-network = لا يقبل هذا الكمبيوتر كلمة مرور جديدة إلا بعد الوصول إلى شبكة الشركة.

## User ID
user-id-title = ما معرّف المستخدم الخاص بك؟
user-id-known = هل هذا معرّف المستخدم الخاص بك؟
user-id-help = غالبًا عنوان بريد العمل. تكتبه عند تسجيل الدخول.
user-id-help-first-day = تجده في رسالة الترحيب من جهة عملك.
user-id-missing = أدخل معرّف المستخدم

## Choose method
choose-method-title = كيف تريد أن تثبت هويتك؟
choose-method-second = الآن إثبات ثانٍ لهويتك
choose-method-email = إرسال رمز إلى { $address }
choose-method-email-spoken = إرسال رمز إلى عنوان البريد الذي يبدأ بالحرف { $mailbox } في نطاق يبدأ بالحرف { $domain }

## Enter code
enter-code-title = أدخل الأرقام الـ{ $digits } من البريد
enter-code-second = الخطوة { $number } من { $of }: أدخل الأرقام الـ{ $digits } من البريد
enter-code-sent = أرسلنا رمزًا إن كان المعرّف صحيحًا ومُعدًّا. قد يستغرق ذلك دقيقة.
enter-code-user-id = المعرّف
enter-code-change = تغيير
enter-code-change-spoken = تغيير المعرّف
enter-code-mail = بريد إلى
enter-code-mail-seen = { $address }
enter-code-mail-spoken = عنوان البريد الذي يبدأ بالحرف { $mailbox } في نطاق يبدأ بالحرف { $domain }
enter-code-good-for = { $minutes ->
    [one] الرمز صالح لدقيقة واحدة تقريبًا.
    [two] الرمز صالح لدقيقتين تقريبًا.
    [few] الرمز صالح لنحو { $minutes } دقائق.
   *[other] الرمز صالح لنحو { $minutes } دقيقة.
}
enter-code-expired = انتهت صلاحية هذا الرمز. أرسل رمزًا جديدًا.
enter-code-again = إرسال مرة أخرى
enter-code-again-in = { $seconds ->
    [one] إرسال مرة أخرى بعد ثانية واحدة
    [two] إرسال مرة أخرى بعد ثانيتين
    [few] إرسال مرة أخرى بعد { $seconds } ثوانٍ
   *[other] إرسال مرة أخرى بعد { $seconds } ثانية
}
enter-code-again-sent = رمز جديد في الطريق. الأحدث وحده يعمل.
enter-code-other-way = اختيار طريقة أخرى
enter-code-none = لم يصل رمز؟
enter-code-none-text = تحقق من المعرّف أعلاه. ابحث في مجلد الرسائل غير المرغوبة.
enter-code-missing = أدخل الأرقام الـ{ $digits } من البريد

## Checking
checking-title = نتحقق من حسابك
checking-text = يستغرق هذا بضع ثوانٍ.
checking-long = يستغرق الأمر أطول من المعتاد. نسأل لمدة تصل إلى دقيقة.

## Choice
choice-locked-title = حسابك مقفل. هل تعرف كلمة المرور؟
choice-locked-title-no-choice = حسابك مقفل
choice-locked-unlock = نعم، افتح حسابي
choice-locked-unlock-text = تحتفظ بكلمة المرور
choice-locked-reset = لا، أو لست متأكدًا
choice-locked-reset-text = تعيّن كلمة مرور جديدة
choice-nothing-wrong-title = حسابك سليم. هل تعرف كلمة المرور؟
choice-nothing-wrong-reset = لا: تعيين كلمة مرور جديدة
choice-nothing-wrong-change = نعم، وأريد كلمة جديدة
choice-nothing-wrong-know = نعم، أعرف كلمة المرور
choice-nothing-wrong-know-text = إذن تحقق من هذه الأمور الأربعة
choice-nothing-wrong-tip-1 = مفتاح Caps Lock متوقف.
choice-nothing-wrong-tip-2 = لوحة المفاتيح على لغتك.
choice-nothing-wrong-tip-3 = تكتب كلمة المرور لا رمز PIN.
choice-nothing-wrong-tip-4 = هذا الكمبيوتر متصل بالشبكة.
choice-password-expired-title = انتهت صلاحية كلمة المرور
choice-known-password-expired-title = انتهت صلاحية كلمة المرور. هل تعرفها؟
choice-password-expired-text = عيّن كلمة جديدة ثم تابع.
choice-must-change-title = حان وقت كلمة مرور جديدة
choice-known-must-change-title = حان وقت كلمة مرور جديدة. هل تعرف الحالية؟
choice-must-change-text = يجب تغيير الحالية قبل تسجيل الدخول.
choice-known-change = نعم، أريد تغييرها
choice-known-change-text = يبقى كل ما تحميه
choice-known-reset = لا، أو لست متأكدًا
choice-known-reset-text = تعيّن كلمة مرور جديدة
choice-never-used-title = أهلًا بك. حسابك جاهز
choice-never-used-text = لا ينقصه إلا كلمة مرور تختارها.
choice-reset = تعيين كلمة مرور جديدة
choice-reset-first = تعيين أول كلمة مرور
choice-unlock = فتح حسابي
choice-disabled-title = حسابك موقوف
choice-disabled-text = قسم تقنية المعلومات وحده يستطيع تشغيله. لم يتغير شيء.
choice-account-expired-title = انتهى حسابك
choice-account-expired-text = يستطيع مديرك أن يطلب تمديده. لم يتغير شيء.
choice-smart-card-only-title = أنت تسجّل الدخول ببطاقة ذكية
choice-smart-card-only-text = كلمة مرور جديدة لا تفيد هنا. إن لم تعمل بطاقتك فاطلب المساعدة. لم يتغير شيء.
choice-too-new-title = كلمة مرورك جديدة جدًا ولا يمكن تغييرها بعد
choice-too-new-text = تبقى كلمة المرور في شركتك مدة، يومًا غالبًا. حاول غدًا أو اطلب المساعدة. لم يتغير شيء.
choice-protected-title = هذا الحساب محمي حماية خاصة
choice-protected-text = لا يساعد فيه إلا مسؤول النظام. لم يتغير شيء.
choice-two-forests-title = لك حساب في دليلين من أدلة الشركة
choice-two-forests-text = اطلب المساعدة ليُحدَّد أيهما تستخدم. لم يتغير شيء.
choice-unreachable-title = لا نستطيع رؤية حسابك الآن
choice-unreachable-text = دليل الشركة لا يجيب. لم يتغير شيء. حاول بعد بضع دقائق.

## New password
new-password-title = تعيين كلمة مرور جديدة
new-password-title-first = تعيين أول كلمة مرور
new-password-help = ثلاث كلمات أو أربع تتذكرها تكفي لكلمة قوية.
new-password-show = إظهار
new-password-show-spoken = إظهار كلمة المرور
new-password-hide = إخفاء
new-password-hide-spoken = إخفاء كلمة المرور
new-password-shown = كلمة المرور ظاهرة.
new-password-hidden = كلمة المرور مخفية.
new-password-caps-lock = مفتاح Caps Lock يعمل.
new-password-keyboard = لوحة المفاتيح: { $layout }
new-password-rules = تحتاج كلمة المرور إلى
new-password-rule-too-short = { $count ->
    [few] { $count } أحرف على الأقل
   *[other] { $count } حرفًا على الأقل
}
new-password-rule-too-long = { $count } حرفًا على الأكثر
new-password-rule-too-few-classes = { $count ->
    [one] واحد من: ABC، abc، 123، رموز
   *[other] { $count } من: ABC، abc، 123، رموز
}
new-password-rule-contains-name = دون أي جزء من اسمك أو معرّفك
new-password-rule-unusable-character = دون علامات جدولة أو أسطر جديدة
new-password-rule-history = { $count ->
    [one] ليست آخر كلمة مرور لك
   *[other] ليست من آخر { $count } كلمات مرور
}
new-password-rule-incomplete = قد تكون لشركتك قواعد أخرى.
new-password-met = تم: { $rule }
new-password-open = ليس بعد: { $rule }
new-password-count = تم { $met } من { $all }.
new-password-submit = تعيين كلمة المرور
new-password-missing = أدخل كلمة مرور جديدة
new-password-unmet-too-short = { $count ->
    [few] اجعلها أطول: { $count } أحرف على الأقل
   *[other] اجعلها أطول: { $count } حرفًا على الأقل
}
new-password-unmet-too-long = اجعلها أقصر: { $count } حرفًا على الأكثر
new-password-unmet-too-few-classes = استخدم أنواعًا أكثر: { $count } من ABC، abc، 123، رموز
new-password-unmet-contains-name = لا تستخدم اسمك أو معرّفك
new-password-unmet-unusable-character = لا تستخدم علامات جدولة أو أسطرًا جديدة
new-password-refused-too-short = كانت قصيرة جدًا. اختر أطول منها.
new-password-refused-too-long = كانت طويلة جدًا. اختر أقصر منها.
new-password-refused-too-few-classes = كانت أنواع الأحرف قليلة. استخدم ABC وabc و123 ورموزًا.
new-password-refused-contains-name = كان فيها اسمك. اختر واحدة دونه.
new-password-refused-unusable-character = كان فيها حرف لا يُستخدم. اختر كلمة أخرى.
new-password-refused-used-before = استخدمتها من قبل. اختر واحدة جديدة.
new-password-refused-too-new = كلمة المرور الحالية أحدث من أن تتغير. حاول غدًا أو اطلب المساعدة.
new-password-refused-too-common = يسهل تخمينها. اختر كلمة أندر.
new-password-refused-rules = لا تسمح بها قواعد شركتك. اختر أطول منها بكلمات أخرى.

## Change password
change-password-title = تغيير كلمة المرور
change-password-present = كلمة المرور الحالية
change-password-new = كلمة المرور الجديدة
change-password-submit = تغيير كلمة المرور
change-password-present-missing = أدخل كلمة المرور الحالية
change-password-same = اختر كلمة غير الحالية
change-password-wrong = هذه ليست كلمة المرور الحالية. يمكنك المحاولة مرة واحدة بعد.

## Working
working-unlock-title = نفتح حسابك
working-reset-title = نعيّن كلمة المرور الجديدة
working-change-title = نغيّر كلمة المرور
working-text = يستغرق هذا بضع ثوانٍ. ابقَ في هذه الصفحة.
working-long = يستغرق الأمر أطول من المعتاد. ننتظر حتى دقيقتين. ابقَ في هذه الصفحة.

## Done
done-unlock-title = فُتح حسابك
done-unlock-text = سجّل الدخول بكلمة المرور التي تعرفها.
done-unlock-next = إن أُقفل مرة أخرى فقد يحتفظ هاتف أو جهاز لوحي بكلمة قديمة: غيّرها هناك أولًا.
done-reset-title = عُيّنت كلمة المرور الجديدة
done-reset-title-first = عُيّنت أول كلمة مرور لك
done-reset-now = سجّل الدخول بها على هذا الكمبيوتر الآن.
done-reset-after-network = يقبلها هذا الكمبيوتر حين يصل إلى شبكة الشركة. وحتى ذلك تعمل القديمة هنا.
done-reset-only-on-network = يقبلها هذا الكمبيوتر حين يصل إلى شبكة الشركة.
done-reset-looking = نتحقق من وصول هذا الكمبيوتر إلى شبكة الشركة. يستغرق هذا حتى دقيقة.
done-reset-unknown = سجّل الدخول بها. قد يحتاج كمبيوتر خارج شبكة الشركة إلى الاتصال أولًا.
done-later = قد يستغرق الأمر بضع دقائق حتى يسري في موقعك.
done-reset-next = ثم غيّرها على هاتفك وجهازك اللوحي وإلا أقفلا حسابك مرة أخرى.
done-reset-next-first = احتفظ بها لنفسك. لا يسألك عنها قسم تقنية المعلومات أبدًا.
done-still = ما زال لا يعمل: تعيين كلمة مرور جديدة
done-finish = إنهاء

## Not done
not-done-unlock-title = لم يُفتح حسابك
not-done-reset-title = لم تتغير كلمة المرور
not-done-change-title = لم تتغير كلمة المرور
not-done-changed = غيّر أحدهم حسابك في اللحظة نفسها. حاول مرة أخرى.
not-done-protected = هذا الحساب محمي حماية خاصة. لا يساعد فيه إلا مسؤول النظام.
not-done-no-account = لم يعد حسابك في الدليل. اطلب المساعدة.
not-done-no-right = لا يُسمح لنا بتغيير حسابك. اطلب المساعدة: يمكن إصلاح ذلك.
not-done-agent-limit = هذه الخدمة متوقفة مؤقتًا. حاول لاحقًا أو اطلب المساعدة.
not-done-switched-off = تغيير الحسابات متوقف الآن. حاول لاحقًا أو اطلب المساعدة.
not-done-directory-unreachable = دليل الشركة لا يجيب. حاول بعد بضع دقائق.
not-done-expired = استغرق الأمر وقتًا طويلًا فتوقفنا. حاول مرة أخرى.
not-done-not-opened = تغيّر شيء لدينا. حاول مرة أخرى.
not-done-no-agent = لا يمكن الوصول إلى دليل الشركة الآن. حاول بعد بضع دقائق.
not-done-old-password = هذه ليست كلمة المرور الحالية. عيّن كلمة جديدة بدلًا منها.
not-done-two-forests = لك حساب في دليلين من أدلة الشركة. اطلب المساعدة ليُحدَّد أيهما تستخدم.
not-done-smart-card-only = تسجّل الدخول إلى هذا الحساب ببطاقة ذكية. لا تفيد كلمة مرور جديدة. اطلب المساعدة.
not-done-still = تبقى كلمة المرور القديمة كما كانت.
not-done-try-unlock = محاولة الفتح مرة أخرى
not-done-try-reset = تعيين كلمة مرور جديدة
not-done-try-change = محاولة التغيير مرة أخرى

## Not known
not-known-title = لا نعرف بعد إن نجح الأمر
not-known-unlock-text = انتظر خمس دقائق ثم سجّل الدخول بكلمة المرور التي تعرفها.
not-known-reset-text = انتظر خمس دقائق ثم سجّل الدخول بكلمة المرور الجديدة. إن لم تعمل فاستخدم القديمة.
not-known-change-text = انتظر خمس دقائق ثم سجّل الدخول بكلمة المرور الجديدة. إن لم تعمل فاستخدم القديمة.
not-known-next = إن لم ينجح شيء فاطلب المساعدة واذكر رمز الحالة.

## Ended
ended-finished-title = تم كل شيء
ended-finished-text = يمكنك إغلاق هذه الصفحة وتسجيل الدخول.
ended-cancelled-title = توقفنا
ended-cancelled-text = لن يحدث شيء آخر. يمكنك إغلاق هذه الصفحة.
ended-idle-title = أغلقنا هذا لسلامتك
ended-idle-text = لم يحدث شيء لخمس دقائق.
ended-too-long-title = انتهى الوقت
ended-too-long-text = لسلامة حسابك ينتهي هذا بعد ساعة.
ended-replaced-title = استمر هذا في مكان آخر
ended-replaced-text = حلّت محله محاولة أحدث للحساب نفسه. إن لم تكن أنت فاطلب المساعدة.
ended-too-many-tries-title = رموز خاطئة كثيرة
ended-too-many-tries-text = توقفنا لسلامة حسابك. اطلب المساعدة أو حاول لاحقًا.
ended-unknown-title = هذه الصفحة قديمة
ended-unknown-text = ابدأ من جديد. يستغرق ذلك بضع دقائق.
ended-again = البدء من جديد

## Unreachable
unreachable-offline-title = هذا الجهاز غير متصل
unreachable-offline-text = اتصل بشبكة ثم حاول مرة أخرى.
unreachable-proxy-title = وكيل شبكتك يمنعنا
unreachable-proxy-text = جرّب شبكة أخرى أو اطلب المساعدة: يمكن السماح لنا بالمرور.
unreachable-clock-title = تاريخ هذا الجهاز أو وقته خطأ
unreachable-clock-text = اضبطهما ثم حاول مرة أخرى.
unreachable-certificate-title = الاتصال غير آمن
unreachable-certificate-text = شيء في هذه الشبكة ينتحل خدمتنا. جرّب شبكة أخرى.
unreachable-captive-portal-title = تطلب هذه الشبكة تسجيل الدخول أولًا
unreachable-captive-portal-text = افتح صفحة الترحيب ووافق فيها ثم حاول مرة أخرى. تعمل نقطة اتصال الهاتف أيضًا.
unreachable-service-title = خدمتنا لا تجيب
unreachable-service-text = شبكتك سليمة. حاول بعد بضع دقائق.
unreachable-retry = محاولة مرة أخرى

## Get help
get-help-title = طلب المساعدة
get-help-text = اذكر رمز الحالة. يرون أين وصلت ولا يرون كلمة المرور أبدًا.
get-help-text-no-case = يساعدونك على تسجيل الدخول. لا يسألون عن كلمة المرور أبدًا.
get-help-phone = هاتف
get-help-hours = المواعيد
get-help-url = صفحة الويب
get-help-qr = امسح بهاتفك
get-help-qr-spoken = رمز QR للعنوان { $url }
get-help-case = رمز الحالة
get-help-nobody = اسأل زميلًا عن رقم خدمة تقنية المعلومات.

## Still there?
still-there-title = هل ما زلت هنا؟
still-there-text = { $seconds ->
    [few] لسلامة حسابك نغلق هذا بعد نحو { $seconds } ثوانٍ. اضغط أي مفتاح للمتابعة.
   *[other] لسلامة حسابك نغلق هذا بعد نحو { $seconds } ثانية. اضغط أي مفتاح للمتابعة.
}
still-there-go-on = متابعة

## Errors
error-malformed = تحقق مما كتبت ثم حاول مرة أخرى
error-malformed-user-id = تحقق من المعرّف: حتى 256 حرفًا دون أسطر جديدة
error-bot-check-failed = لم نتأكد من وجود شخص هنا. حاول مرة أخرى
error-code-wrong = الرمز غير مطابق. أدخل الأرقام من أحدث بريد
error-code-expired = انتهت صلاحية هذا الرمز. أرسل رمزًا جديدًا
error-seal-rejected = تغيّر شيء لدينا. أدخل كلمة المرور مرة أخرى
error-recipients-changed = تغيّر شيء لدينا. أدخل كلمة المرور مرة أخرى
error-too-many = { $minutes ->
    [one] كان ذلك كثيرًا. حاول بعد دقيقة تقريبًا
    [two] كان ذلك كثيرًا. حاول بعد دقيقتين تقريبًا
    [few] كان ذلك كثيرًا. حاول بعد نحو { $minutes } دقائق
   *[other] كان ذلك كثيرًا. حاول بعد نحو { $minutes } دقيقة
}
error-account-busy = يجري تغيير هذا الحساب الآن. حاول مرة أخرى بعد نصف دقيقة
error-directory-unavailable = دليل الشركة لا يجيب الآن. حاول بعد بضع دقائق
error-recovery-paused = هذه الخدمة متوقفة مؤقتًا. حاول لاحقًا أو اطلب المساعدة
error-mail-unavailable = لا نستطيع إرسال البريد الآن. حاول بعد بضع دقائق
error-unknown-host = هذا العنوان ليس لنا. تحقق من عنوان الصفحة
error-wrong-tenant = هذا التطبيق لجهة أخرى. اطلب المساعدة
error-unavailable = الضغط علينا كبير. حاول بعد دقيقة
error-internal = تعطّل شيء لدينا. حاول مرة أخرى أو اطلب المساعدة
error-changed = تغيّر شيء في هذه الأثناء. انظر إلى هذه الصفحة مرة أخرى
error-earlier-password = كلمة المرور التي كتبتها أولاً هي المعتمدة
error-unreachable-offline = هذا الجهاز غير متصل. اتصل بشبكة ثم حاول مرة أخرى
error-unreachable-proxy = وكيل شبكتك يمنعنا. جرّب شبكة أخرى
error-unreachable-clock = تاريخ هذا الجهاز أو وقته خطأ. اضبطهما ثم حاول مرة أخرى
error-unreachable-certificate = الاتصال غير آمن. جرّب شبكة أخرى
error-unreachable-captive-portal = تطلب هذه الشبكة تسجيل الدخول أولًا. افعل ذلك ثم حاول مرة أخرى
error-unreachable-service = خدمتنا لا تجيب. حاول بعد دقيقة
