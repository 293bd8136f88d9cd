import { formatNames } from './formats.ts';
import type { Words } from './languages.ts';
import { type FieldNames, fieldName, sayRule } from './say.ts';

const plurals = new Intl.PluralRules('ru');

/** «1 секунду, 2 секунды, 5 секунд». */
export const counted = (n: number, one: string, few: string, many: string): string =>
  `${n} ${{ one, few, many, zero: many, two: many, other: many }[plurals.select(n)]}`;

/** «до 1 символа, до 2 символов, до 21 символа»: после «до», «от» и «больше». */
const upTo = (n: number, one: string, many: string) => counted(n, one, many, many);

function after(seconds: number): string {
  if (seconds < 60) return `через ${counted(seconds, 'секунду', 'секунды', 'секунд')}`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `через ${counted(minutes, 'минуту', 'минуты', 'минут')}`;
  return `через ${counted(Math.ceil(minutes / 60), 'час', 'часа', 'часов')}`;
}

const kilobytes = (bytes: number) => `${Math.floor(bytes / 1024)} КБ`;

const fields: FieldNames = {
  action: 'Действие',
  content_type: 'Формат файла',
  cursor: 'Продолжение списка',
  display_name: 'Имя в отзыве',
  filename: 'Имя файла',
  files: 'Файлы',
  has_media: 'Только с фото и видео',
  kind: 'Вид файла',
  limit: 'Размер страницы',
  media_upload_ids: 'Фото и видео',
  multipart: 'Загрузка частями',
  note: 'Примечание',
  part_numbers: 'Номера частей',
  product_ids: 'Товары',
  rating: 'Оценка',
  reason: 'Причина',
  sha256: 'Контрольная сумма',
  size_bytes: 'Размер файла',
  sort: 'Сортировка',
  status: 'Статус',
  text: 'Текст',
  title: 'Заголовок',
  unreplied: 'Только без ответа',
  user_id: 'Пользователь',
  verified: 'Только с покупкой',
};

const BAD_CHARACTERS = 'уберите недопустимые символы';

const rules: Words['rules'] = {
  invalid: 'недопустимое значение',
  text: 'здесь нужен текст',
  no_nul: BAD_CHARACTERS,
  valid_unicode: BAD_CHARACTERS,
  no_control_characters: BAD_CHARACTERS,
  not_empty: 'заполните это поле',
  not_so_long: 'слишком длинно, сократите',
  max_length: ({ max }) => `сократите до ${upTo(max, 'символа', 'символов')}`,
  length: ({ min, max }) => `нужно от ${min} до ${upTo(max, 'символа', 'символов')}`,
  object: 'здесь нужен объект JSON',
  true_or_false: 'укажите «да» или «нет»',
  whole_number: ({ min, max }) => `укажите целое число от ${min} до ${max}`,
  one_of: 'выберите одно из допустимых значений',
  given_once: 'укажите один раз',
  only_1: 'укажите 1 или не указывайте совсем',
  cursor: 'обновите список',
  cursor_of_same_query: 'сортировка или фильтры изменились, обновите список',
  ratings: 'укажите оценки от 1 до 5 через запятую',
  product_ids: ({ max }) => `укажите через запятую не больше ${upTo(max, 'товара', 'товаров')}`,
  user_id: 'укажите номер пользователя',
  file_size: 'укажите целое число байт, не меньше 1',
  sha256: 'нужны 64 шестнадцатеричные цифры',
  videos_only: 'доступно только для видео',
  not_in_parts: 'не указывайте при загрузке частями',
  single_file_only: 'доступно только для одного файла',
  files: ({ max }) => `выберите от 1 до ${upTo(max, 'файла', 'файлов')}`,
  part_numbers: ({ max }) => `укажите от 1 до ${upTo(max, 'номера', 'номеров')}`,
  part_number: 'укажите целые числа, начиная с 1',
  part_number_once: 'не повторяйте номера',
  part_number_range: ({ max }) => `укажите числа от 1 до ${max}`,
  media: ({ max }) => `выберите не больше ${upTo(max, 'файла', 'файлов')}, каждый по одному разу`,
  own_ready_uploads: 'дождитесь, пока файлы загрузятся, и попробуйте снова',
  reason_needed: 'укажите причину, чтобы скрыть или придержать отзыв',
  reason_not_wanted: 'указывается, только если отзыв скрывают или придерживают',
};

const LATER = 'Попробуйте чуть позже.';
/** Чтобы заказ не оказался сделан дважды. */
const LOOK_FIRST = 'Прежде чем повторить, проверьте, не выполнилось ли действие.';

export const ru: Words = {
  errors: {
    host_missing: 'В запросе нет заголовка Host.',
    host_repeated: 'Заголовок Host указан больше одного раза.',
    host_invalid: 'Неверный заголовок Host.',
    target_invalid: 'Адрес запроса должен быть путём.',
    target_of_other_host: 'Адрес запроса и заголовок Host указывают на разные серверы.',
    transfer_encoding_unknown: 'Transfer-Encoding может быть только chunked.',
    transfer_encoding_in_http10: 'В HTTP/1.0 нет заголовка Transfer-Encoding.',
    two_lengths: 'Content-Length и Transfer-Encoding нельзя указывать вместе.',
    content_length_invalid: 'Неверный заголовок Content-Length.',
    not_http: 'Это не HTTP-запрос.',
    handshake_invalid: 'Неверный запрос на соединение WebSocket.',
    handshake_with_body: 'У запроса на соединение WebSocket не может быть тела.',
    body_incomplete: 'Запрос дошёл не полностью. Проверьте соединение и повторите.',
    ambiguous_path: 'Неоднозначный путь: напишите его без закодированных символов, без «.» и «..» и без #.',
    escaping_path: 'Путь выходит за пределы своего раздела.',
    undecodable_path: 'В пути ошибка кодирования: знак % стоит не на месте.',
    method_not_allowed: ({ method }) => `Метод ${method} не поддерживается.`,
    request_timeout: 'Запрос передавался слишком долго. Проверьте соединение и повторите.',
    chunk_extensions_too_large: 'Слишком длинные расширения частей запроса.',
    expectation_unknown: 'Поддерживается только Expect: 100-continue.',
    head_too_large: ({ max_bytes }) => `Заголовки запроса слишком большие: можно до ${kilobytes(max_bytes)}.`,
    http_version_unknown: 'Поддерживаются только HTTP/1.1 и HTTP/1.0.',

    account_blocked: 'Ваш аккаунт заблокирован. Обратитесь в поддержку.',
    account_inactive: 'Ваш аккаунт отключён. Обратитесь в поддержку.',
    admins_uploads: 'Чужие загрузки видит только администратор.',
    admins_moderation: 'Модерировать отзывы может только администратор.',

    product_not_found: 'Товар не найден.',
    review_not_found: 'Отзыв не найден. Возможно, его удалили.',
    own_review_not_found: 'Вы ещё не оставляли отзыв об этом товаре.',
    upload_not_found: 'Такой загрузки нет.',

    body_too_large: ({ max_bytes }) => `Запрос слишком большой: можно до ${kilobytes(max_bytes)}.`,
    body_not_json: 'Данные принимаются только в формате JSON.',
    charset_not_utf8: 'Данные принимаются только в кодировке UTF-8.',
    body_encoded: 'Сжатые данные здесь не принимаются.',
    body_missing: 'Пустой запрос: нужны данные в формате JSON.',
    body_not_utf8: 'В данных запроса ошибка: это не UTF-8.',
    json_invalid: 'В данных запроса ошибка: это не JSON.',
    not_an_object: 'Данные запроса должны быть объектом JSON.',
    not_an_object_or_empty: 'Данные запроса должны быть объектом JSON, или их не должно быть.',
    not_only_files: 'Вместе со списком файлов других полей быть не должно.',
    product_id_invalid: 'Неверный номер товара.',
    review_id_invalid: 'Неверный номер отзыва.',
    field_invalid: ({ field, ...problem }) => `${fieldName(fields, field)}: ${sayRule(rules, problem)}.`,

    file_too_large: ({ max_mb }) => `Файл слишком большой. Выберите файл до ${max_mb} МБ.`,
    files_too_large: ({ max_mb }) => `Столько не поместится: всего можно хранить до ${max_mb} МБ.`,
    file_type_not_accepted: ({ allowed }) =>
      `Файл этого формата не подойдёт. Выберите другой: ${formatNames(allowed)}.`,
    not_uploaded: 'Файл ещё не загрузился. Дождитесь окончания загрузки.',
    parts_not_uploaded: 'Файл загрузился не полностью. Дождитесь окончания загрузки.',
    upload_ready: 'Файл уже загружен.',
    upload_rejected: 'Файл не прошёл проверку. Выберите другой.',
    upload_expired: 'Время загрузки истекло. Загрузите файл заново.',
    upload_deleted: 'Файл удалён. Загрузите его заново.',
    nothing_to_delete_rejected: 'Файл не прошёл проверку и уже удалён.',
    nothing_to_delete_expired: 'Файл не был загружен, удалять нечего.',
    multipart: 'Файл загружается частями: у каждой части свой адрес.',
    not_multipart: 'Этот файл загружается целиком, а не частями.',
    parts_put_together: 'Все части уже собраны в один файл.',
    in_use: 'Этот файл показан в отзыве. Сначала уберите его из отзыва.',
    rejected_too_large: 'Размер файла больше заявленного. Загрузите его заново.',
    rejected_too_small: 'Файл загрузился не полностью. Загрузите его заново.',
    rejected_wrong_type: 'Файлы такого формата не принимаются. Выберите другой.',
    rejected_changed: 'Файл изменился после проверки. Загрузите его заново.',
    too_many_uploads: ({ retry_after }) => `Слишком много загрузок подряд. Попробуйте ${after(retry_after)}.`,
    storage_full: ({ retry_after }) =>
      `Место для файлов закончилось. Удалите ненужное или попробуйте ${after(retry_after)}.`,
    uploads_not_configured: 'На этом сервере загрузка файлов не включена.',
    upload_being_begun: `Загрузка ещё только начинается. ${LATER}`,
    upload_not_begun: `Не удалось вовремя начать загрузку. ${LATER}`,
    upload_being_looked_at: `Файл ещё проверяется. ${LATER}`,
    storage_unavailable: `Хранилище файлов временно недоступно. ${LATER}`,

    own_product: 'Нельзя оставить отзыв о собственном товаре.',
    purchase_required: 'Оставить отзыв могут те, кто купил этот товар и уже получил его.',
    own_review: 'Это ваш собственный отзыв.',
    not_the_seller: 'Ответить на отзыв может только продавец этого товара.',
    not_hidden: 'Этот отзыв не скрыт, обжаловать нечего.',
    already_appealed: 'Вы уже обжаловали это решение.',
    review_not_storable: 'В отзыве есть символы, которые сервер не может сохранить. Уберите их.',
    review_breaks_rule: 'Отзыв не принят: он нарушает правила сервера. Измените его и попробуйте снова.',
    too_many_actions: ({ retry_after }) => `Слишком много действий подряд. Попробуйте ${after(retry_after)}.`,
    reviews_unavailable: `Отзывы временно недоступны. ${LATER}`,
    reviews_being_set_up: `Отзывы ещё настраиваются. ${LATER}`,

    internal_error: `Что-то пошло не так на нашей стороне. ${LATER}`,
    backend_unreachable: `Сервер временно недоступен. ${LATER}`,
    backend_broke_off: `Сервер прервал соединение, не ответив. ${LOOK_FIRST}`,
    backend_unintelligible: `Сервер ответил неправильно. ${LOOK_FIRST}`,
    busy: `Сервер перегружен. ${LATER}`,
    database_unavailable: `База данных временно недоступна. ${LATER}`,
    backend_timeout: `Сервер не ответил вовремя. ${LOOK_FIRST}`,
  },
  rules,
};
