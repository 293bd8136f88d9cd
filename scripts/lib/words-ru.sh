# shellcheck shell=bash
# The words of the checks in Russian: every text of http-checks.sh and of the two scripts, by its English one, whose %s stay in
# their order (test/scripts/smoke-test.test.ts compares them). Sourced by http-checks.sh.

# shellcheck disable=SC2034
RUSSIAN=(
  # steps
  ['web %s']='сайт %s'
  ['health (GET /healthz)']='состояние (GET /healthz)'
  ['login (POST /api/auth/login)']='вход (POST /api/auth/login)'
  ['user (GET /api/auth/me)']='пользователь (GET /api/auth/me)'
  ['orders (GET /api/orders)']='заказы (GET /api/orders)'
  ['the sidecar answers (GET /api/uploads/limits)']='отвечает сайдкар (GET /api/uploads/limits)'
  ['reviews GET (%s)']='отзывы GET (%s)'
  ['reviews POST without a token (%s)']='отзывы POST без токена (%s)'
  ['reviews POST (%s)']='отзывы POST (%s)'
  ['upload contract (POST /api/uploads)']='выдача URL для загрузки (POST /api/uploads)'
  ['upload without a token']='загрузка без токена'
  ['upload of a type that is not allowed']='загрузка недопустимого типа'
  ['upload that is too large']='загрузка слишком большого файла'
  ['upload of no bytes']='загрузка пустого файла'
  ['upload PUT (upload_url)']='загрузка PUT (upload_url)'
  ['upload read back (file_url)']='чтение загруженного файла (file_url)'
  ['upload read in part (Range)']='чтение части файла (Range)'
  ['it is not shown yet: %s']='он пока не показан: %s'
  ['status 403, which the smoke user gets without a purchase']='статус 403, как и положено без покупки'
  ['status 501, no storage is configured on this server']='статус 501, на этом сервере хранилище не настроено'

  # why a step fails
  ['status %s instead of %s%s']='статус %s вместо %s%s'
  ['status %s: the address leads elsewhere. Is https:// meant?']='статус %s: адрес перенаправляет. Может быть, нужен https://?'
  ['the body of the %s has no text in "detail"']='в теле ответа %s нет текста "detail"'
  ['status 401: the server does not accept SMOKE_EMAIL with SMOKE_PASSWORD']='статус 401: сервер не принимает SMOKE_EMAIL с этим SMOKE_PASSWORD'
  ['the answer has no usable "access_token"']='в ответе нет пригодного "access_token"'
  ['the file is empty']='файл пуст'
  ['content type "%s" instead of %s']='Content-Type «%s» вместо %s'
  ['the site sent an HTML page: the file is missing']='сайт прислал HTML-страницу: файла нет'
  ['an HTML page came: API_URL is not the address of the API']='пришла HTML-страница: API_URL не адрес API'
  ['the answer has no numeric "id"']='в ответе нет числового "id"'
  ['the answer is not JSON']='ответ не JSON'
  ['status %s%s: it is not the sidecar who answers, but the backend or an earlier release']='статус %s%s: отвечает не сайдкар, а бэкенд или более ранняя версия'
  ['it is not the sidecar who answers, but something that looks like it']='отвечает не сайдкар, а нечто похожее на него'
  ['the answer has no list "items"']='в ответе нет списка "items"'
  ['the answer has no "next_cursor"']='в ответе нет "next_cursor"'
  ['the answer has no complete "summary"']='в ответе нет полной сводки "summary"'
  ['the answer is not the review sent']='в ответе не тот отзыв, который отправлен'
  ['the review has no "id" or no "created_at"']='у отзыва нет "id" или "created_at"'
  ['the review is not counted in "summary"']='отзыв не учтён в "summary"'
  ['status 501: no storage is configured, and SMOKE_UPLOAD needs it']='статус 501: хранилище не настроено, а для SMOKE_UPLOAD оно нужно'
  ['the answer has no "upload_url"']='в ответе нет "upload_url"'
  ['the answer has no "file_url"']='в ответе нет "file_url"'
  ['the answer has no "headers"']='в ответе нет "headers"'
  ['the answer has no "expires_in"']='в ответе нет "expires_in"'
  ['the storage answered with status %s%s']='хранилище ответило статусом %s%s'
  ['the bytes are not the ones that were sent']='получены не те байты, которые были отправлены'
  ['status %s instead of 206: players cannot seek in videos']='статус %s вместо 206: видео нельзя будет перематывать'
  ['the bytes are not the ones that were asked for']='получены не те байты, которые запрошены'
  ['the address is not valid']='недопустимый адрес'
  ['the host name cannot be resolved']='имя хоста не найдено'
  ['nothing listens at the address (connection refused)']='по этому адресу никто не слушает (connection refused)'
  ['the connection was closed before the answer was complete']='соединение закрыто до конца ответа'
  ['no answer within %s s']='нет ответа за %s с'
  ['TLS failed, or the certificate is not trusted (for a self-signed one see --help)']='ошибка TLS или сертификат не доверенный (про самоподписанный см. --help)'
  ['curl ended with status %s']='curl завершился с кодом %s'

  # what was left out, and why
  ['certificate of API_URL']='сертификат API_URL'
  ['certificate of FEATURE_API_URL']='сертификат FEATURE_API_URL'
  ['certificate of WEB_URL']='сертификат WEB_URL'
  ['encryption, also of the password']='шифрование, в том числе пароля'
  ['writing a review']='запись отзыва'
  ['only buyers of the product may (REVIEWS_REQUIRE_PURCHASE)']='её могут только покупатели товара (REVIEWS_REQUIRE_PURCHASE)'
  ['refusals of uploads']='отказы в загрузке'
  ['reviews and uploads']='отзывы и загрузки'
  ['upload of a file']='загрузка файла'
  ['API_INSECURE is on']='включён API_INSECURE'
  ['FEATURE_API_INSECURE is on']='включён FEATURE_API_INSECURE'
  ['WEB_INSECURE is on']='включён WEB_INSECURE'
  ['API_URL is http://']='API_URL начинается с http://'
  ['no storage is configured on this server']='на этом сервере хранилище не настроено'
  ['RUN_BACKEND_CHECKS is off']='RUN_BACKEND_CHECKS выключен'
  ['SMOKE_UPLOAD is off']='SMOKE_UPLOAD выключен'

  # the end, and settings that cannot be meant
  ['The smoke test passed.']='Smoke-тест пройден.'
  ['The backend checks passed.']='Проверки бэкенда пройдены.'
  ['%s is not set. --help tells what to set.']='Не задан %s. Что нужно задать, сказано в --help.'
  ['%s must be an http:// or https:// address without user name, query or fragment.']='%s: нужен адрес http:// или https:// без имени пользователя, ? и #.'
  ['%s must be 1, true, yes or on; or 0, false, no, off or nothing.']='%s: нужно 1, true, yes или on; либо 0, false, no, off или ничего.'
  ['%s is on, but %s is http://, where there is no certificate. Is https:// meant?']='Включён %s, но %s начинается с http://, где сертификата нет. Может быть, нужен https://?'
  ['PRODUCT_ID must be a whole number from 1 on.']='PRODUCT_ID: нужно целое число от 1.'
  ['SMOKE_UPLOAD is on, which takes RUN_BACKEND_CHECKS as well.']='Включён SMOKE_UPLOAD, а для него нужен и RUN_BACKEND_CHECKS.'
)

smoke_usage_in_russian() {
  cat <<'HELP'
Использование: WEB_URL=https://example.com API_URL=https://api.example.com scripts/smoke_test_prod.sh

Проверяет работающую установку снаружи: сайт, состояние бэкенда, вход, пользователя и заказы. Выводит по строке на шаг;
первый неудачный шаг назван, и код завершения тогда 1 (2 — неверная настройка). Токены и пароли не выводятся.

  WEB_URL                где сайт; обязательно
  API_URL                где API (под ним /api и /healthz); обязательно
  FEATURE_API_URL        где отзывы и загрузки (по умолчанию API_URL)
  API_INSECURE=1         принимать любой сертификат API_URL, а также WEB_URL, если это тот же хост
  FEATURE_API_INSECURE=1 то же для FEATURE_API_URL (API_INSECURE действует, если это API_URL)
  WEB_INSECURE=1         то же для WEB_URL
  SMOKE_EMAIL, SMOKE_PASSWORD
                         кто входит (по умолчанию buyer@demo.com, demo123)
  RUN_BACKEND_CHECKS=1   затем запустить backend_acceptance_checks.sh: отвечает ли именно сайдкар, отзывы и выдача URL
                         для загрузки. ПИШЕТ данные: отзыв этого пользователя на PRODUCT_ID создаётся или меняется
  PRODUCT_ID             на какой товар писать отзыв (по умолчанию 1)
  SMOKE_UPLOAD=1         вместе с RUN_BACKEND_CHECKS=1: загрузить файл в несколько байт, который останется в бакете, и
                         прочитать его

Переключатели включаются значениями 1, true, yes и on в любом регистре, выключаются 0, false, no, off или пустым; другие
значения не принимаются. Что не проверено и из-за какого переключателя, сказано в конце.

  --check-settings       только проверить настройки (код 0 или 2), ничего не отправляя
HELP
}

backend_checks_usage_in_russian() {
  cat <<'HELP'
Использование: API_URL=https://api.example.com scripts/backend_acceptance_checks.sh

Проверяет, что отвечает именно сайдкар, а не бэкенд или его прежний модуль с теми же маршрутами, и маршруты сайдкара
так, как ими пользуются приложения: отзывы GET и POST и выдачу URL для загрузки. Выводит по строке на шаг; первый
неудачный шаг назван, и код завершения тогда 1 (2 — неверная настройка). Токены, пароли и подписанные URL не выводятся.

ПИШЕТ данные: отзыв пользователя на PRODUCT_ID создаётся или меняется (5 звёзд, «Smoke test»). Используйте отдельных
пользователя и товар.

  API_URL                где вход; обязательно
  FEATURE_API_URL        где отзывы и загрузки (по умолчанию API_URL)
  API_INSECURE=1         принимать любой сертификат API_URL
  FEATURE_API_INSECURE=1 то же для FEATURE_API_URL (API_INSECURE действует, если это API_URL)
  SMOKE_EMAIL, SMOKE_PASSWORD
                         кто входит (по умолчанию buyer@demo.com, demo123)
  PRODUCT_ID             на какой товар писать отзыв (по умолчанию 1)
  SMOKE_UPLOAD=1         загрузить файл в несколько байт, который останется в бакете, и прочитать его

Переключатели включаются значениями 1, true, yes и on в любом регистре, выключаются 0, false, no, off или пустым; другие
значения не принимаются. Что не проверено и из-за какого переключателя, сказано в конце.
HELP
}
