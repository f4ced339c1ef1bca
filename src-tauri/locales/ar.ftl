# ما يقوله النموذج البسيط وحده على شاشة تسجيل الدخول، بالعربية.

simple-more = طرق أخرى
simple-new-again = كلمة المرور الجديدة مرة أخرى
simple-again-title = أدخل كلمة المرور الجديدة مرة أخرى
simple-different = كلمتا المرور الجديدتان مختلفتان. أدخلهما من جديد
simple-still-there = لحماية حسابك نغلق هذا بعد نحو دقيقة.
simple-list = { $title }: { $all }
simple-help = { $name } – { $all }
