/** Oʻzbekcha, lotin yozuvida: oʻ va gʻ da U+02BB, tutuq belgisi U+02BC. */
import { formatNames } from './formats.ts';
import type { Words } from './languages.ts';
import { type FieldNames, fieldName, sayRule } from './say.ts';

function after(seconds: number): string {
  if (seconds < 60) return `${seconds} soniyadan keyin`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} daqiqadan keyin` : `${Math.ceil(minutes / 60)} soatdan keyin`;
}

const kilobytes = (bytes: number) => `${Math.floor(bytes / 1024)} KB`;

const fields: FieldNames = {
  action: 'Amal',
  content_type: 'Fayl formati',
  cursor: 'Roʻyxat davomi',
  display_name: 'Sharhdagi ism',
  filename: 'Fayl nomi',
  files: 'Fayllar',
  has_media: 'Faqat surat va videoli',
  kind: 'Fayl turi',
  limit: 'Sahifa hajmi',
  media_upload_ids: 'Surat va videolar',
  multipart: 'Qismlab yuklash',
  note: 'Izoh',
  part_numbers: 'Qismlar raqami',
  product_ids: 'Mahsulotlar',
  rating: 'Baho',
  reason: 'Sabab',
  sha256: 'Nazorat yigʻindisi',
  size_bytes: 'Fayl hajmi',
  sort: 'Saralash',
  status: 'Holat',
  text: 'Matn',
  title: 'Sarlavha',
  unreplied: 'Faqat javobsizlar',
  user_id: 'Foydalanuvchi',
  verified: 'Faqat xarid qilinganlar',
};

const BAD_CHARACTERS = 'ruxsat etilmagan belgilarni olib tashlang';

const rules: Words['rules'] = {
  invalid: 'qiymat notoʻgʻri',
  text: 'bu yerga matn yozing',
  no_nul: BAD_CHARACTERS,
  valid_unicode: BAD_CHARACTERS,
  no_control_characters: BAD_CHARACTERS,
  not_empty: 'bu maydonni toʻldiring',
  not_so_long: 'juda uzun, qisqartiring',
  max_length: ({ max }) => `${max} ta belgigacha qisqartiring`,
  length: ({ min, max }) => `${min} tadan ${max} tagacha belgi boʻlsin`,
  object: 'bu yerda JSON obyekti boʻlishi kerak',
  true_or_false: '«ha» yoki «yoʻq» ni koʻrsating',
  whole_number: ({ min, max }) => `${min} dan ${max} gacha butun son koʻrsating`,
  one_of: 'ruxsat etilgan qiymatlardan birini tanlang',
  given_once: 'bir marta koʻrsating',
  only_1: '1 ni koʻrsating yoki umuman koʻrsatmang',
  cursor: 'roʻyxatni yangilang',
  cursor_of_same_query: 'saralash yoki filtrlar oʻzgargan, roʻyxatni yangilang',
  ratings: '1 dan 5 gacha baholarni vergul bilan koʻrsating',
  product_ids: ({ max }) => `vergul bilan koʻpi bilan ${max} ta mahsulot koʻrsating`,
  user_id: 'foydalanuvchi raqamini koʻrsating',
  file_size: 'baytlar sonini koʻrsating, kamida 1',
  sha256: '64 ta oʻn oltilik raqam boʻlishi kerak',
  videos_only: 'faqat video uchun',
  not_in_parts: 'qismlab yuklashda koʻrsatmang',
  single_file_only: 'faqat bitta fayl uchun',
  files: ({ max }) => `1 tadan ${max} tagacha fayl tanlang`,
  part_numbers: ({ max }) => `1 tadan ${max} tagacha raqam koʻrsating`,
  part_number: '1 dan boshlab butun sonlarni koʻrsating',
  part_number_once: 'raqamlarni takrorlamang',
  part_number_range: ({ max }) => `1 dan ${max} gacha sonlarni koʻrsating`,
  media: ({ max }) => `koʻpi bilan ${max} ta fayl tanlang, har birini bir marta`,
  own_ready_uploads: 'fayllar yuklanib boʻlishini kuting va qayta urinib koʻring',
  reason_needed: 'sharhni yashirish yoki toʻxtatib turish sababini koʻrsating',
  reason_not_wanted: 'faqat sharh yashirilganda yoki toʻxtatib turilganda koʻrsatiladi',
};

const LATER = 'Birozdan keyin qayta urinib koʻring.';
/** Buyurtma ikki marta berilib qolmasligi uchun. */
const LOOK_FIRST = 'Takrorlashdan oldin amal bajarilgan-bajarilmaganini tekshiring.';

export const uz: Words = {
  errors: {
    host_missing: 'Soʻrovda Host sarlavhasi yoʻq.',
    host_repeated: 'Host sarlavhasi bir martadan ortiq koʻrsatilgan.',
    host_invalid: 'Host sarlavhasi notoʻgʻri.',
    target_invalid: 'Soʻrov manzili yoʻl boʻlishi kerak.',
    target_of_other_host: 'Soʻrov manzili va Host sarlavhasi turli serverlarni koʻrsatmoqda.',
    transfer_encoding_unknown: 'Transfer-Encoding faqat chunked boʻlishi mumkin.',
    transfer_encoding_in_http10: 'HTTP/1.0 da Transfer-Encoding sarlavhasi yoʻq.',
    two_lengths: 'Content-Length va Transfer-Encoding birga koʻrsatilmaydi.',
    content_length_invalid: 'Content-Length sarlavhasi notoʻgʻri.',
    not_http: 'Bu HTTP soʻrovi emas.',
    handshake_invalid: 'WebSocket ulanishi uchun soʻrov notoʻgʻri.',
    handshake_with_body: 'WebSocket ulanishi soʻrovida tana boʻlmaydi.',
    body_incomplete: 'Soʻrov toʻliq yetib kelmadi. Internet aloqasini tekshirib, qayta yuboring.',
    ambiguous_path: 'Yoʻl noaniq: uni kodlangan belgilarsiz, «.» va «..» hamda # belgisisiz yozing.',
    escaping_path: 'Yoʻl oʻz boʻlimidan chiqib ketadi.',
    undecodable_path: 'Yoʻl notoʻgʻri kodlangan: % belgisi oʻz joyida emas.',
    method_not_allowed: ({ method }) => `${method} usuli qoʻllab-quvvatlanmaydi.`,
    request_timeout: 'Soʻrov juda uzoq yuborildi. Internet aloqasini tekshirib, qayta yuboring.',
    chunk_extensions_too_large: 'Soʻrov qismlarining kengaytmalari juda uzun.',
    expectation_unknown: 'Faqat Expect: 100-continue qoʻllab-quvvatlanadi.',
    head_too_large: ({ max_bytes }) =>
      `Soʻrov sarlavhalari juda katta: ${kilobytes(max_bytes)} gacha mumkin.`,
    http_version_unknown: 'Faqat HTTP/1.1 va HTTP/1.0 qoʻllab-quvvatlanadi.',

    account_blocked: 'Hisobingiz bloklangan. Qoʻllab-quvvatlash xizmatiga murojaat qiling.',
    account_inactive: 'Hisobingiz faol emas. Qoʻllab-quvvatlash xizmatiga murojaat qiling.',
    admins_uploads: 'Boshqalarning yuklamalarini faqat administrator koʻra oladi.',
    admins_moderation: 'Sharhlarni faqat administrator boshqara oladi.',

    product_not_found: 'Mahsulot topilmadi.',
    review_not_found: 'Sharh topilmadi. Balki u oʻchirilgandir.',
    own_review_not_found: 'Siz bu mahsulotga hali sharh yozmagansiz.',
    upload_not_found: 'Bunday yuklama yoʻq.',

    body_too_large: ({ max_bytes }) => `Soʻrov juda katta: ${kilobytes(max_bytes)} gacha mumkin.`,
    body_not_json: 'Maʼlumotlar faqat JSON formatida qabul qilinadi.',
    charset_not_utf8: 'Maʼlumotlar faqat UTF-8 kodlashida qabul qilinadi.',
    body_encoded: 'Siqilgan maʼlumotlar bu yerda qabul qilinmaydi.',
    body_missing: 'Soʻrov boʻsh: JSON formatidagi maʼlumotlar kerak.',
    body_not_utf8: 'Soʻrov maʼlumotlarida xato bor: bu UTF-8 emas.',
    json_invalid: 'Soʻrov maʼlumotlarida xato bor: bu JSON emas.',
    not_an_object: 'Soʻrov maʼlumotlari JSON obyekti boʻlishi kerak.',
    not_an_object_or_empty: 'Soʻrov maʼlumotlari JSON obyekti boʻlishi yoki boʻlmasligi kerak.',
    not_only_files: 'Fayllar roʻyxati bilan birga boshqa maydonlar boʻlmasligi kerak.',
    product_id_invalid: 'Mahsulot raqami notoʻgʻri.',
    review_id_invalid: 'Sharh raqami notoʻgʻri.',
    field_invalid: ({ field, ...problem }) => `${fieldName(fields, field)}: ${sayRule(rules, problem)}.`,

    file_too_large: ({ max_mb }) => `Fayl juda katta. ${max_mb} MB gacha boʻlgan fayl tanlang.`,
    files_too_large: ({ max_mb }) => `Buncha fayl sigʻmaydi: jami ${max_mb} MB gacha saqlash mumkin.`,
    file_type_not_accepted: ({ allowed }) =>
      `Bu formatdagi fayl toʻgʻri kelmaydi. Boshqasini tanlang: ${formatNames(allowed)}.`,
    not_uploaded: 'Fayl hali yuklanmadi. Yuklanib boʻlishini kuting.',
    parts_not_uploaded: 'Fayl toʻliq yuklanmadi. Yuklanib boʻlishini kuting.',
    upload_ready: 'Fayl allaqachon yuklangan.',
    upload_rejected: 'Fayl tekshiruvdan oʻtmadi. Boshqasini tanlang.',
    upload_expired: 'Yuklash vaqti tugadi. Faylni qaytadan yuklang.',
    upload_deleted: 'Fayl oʻchirilgan. Uni qaytadan yuklang.',
    nothing_to_delete_rejected: 'Fayl tekshiruvdan oʻtmagan va allaqachon oʻchirilgan.',
    nothing_to_delete_expired: 'Fayl yuklanmagan, oʻchiradigan narsa yoʻq.',
    multipart: 'Fayl qismlab yuklanmoqda: har bir qismning oʻz manzili bor.',
    not_multipart: 'Bu fayl qismlab emas, butunligicha yuklanadi.',
    parts_put_together: 'Barcha qismlar allaqachon bitta faylga yigʻilgan.',
    in_use: 'Bu fayl sharhda koʻrsatilgan. Avval uni sharhdan olib tashlang.',
    rejected_too_large: 'Fayl eʼlon qilinganidan kattaroq. Uni qaytadan yuklang.',
    rejected_too_small: 'Fayl toʻliq yuklanmadi. Uni qaytadan yuklang.',
    rejected_wrong_type: 'Bunday formatdagi fayllar qabul qilinmaydi. Boshqasini tanlang.',
    rejected_changed: 'Fayl tekshirilgandan keyin oʻzgargan. Uni qaytadan yuklang.',
    too_many_uploads: ({ retry_after }) =>
      `Ketma-ket juda koʻp fayl yukladingiz. ${after(retry_after)} urinib koʻring.`,
    storage_full: ({ retry_after }) =>
      `Fayllar uchun joy tugadi. Keraksizlarini oʻchiring yoki ${after(retry_after)} urinib koʻring.`,
    uploads_not_configured: 'Bu serverda fayl yuklash yoqilmagan.',
    upload_being_begun: `Yuklash endi boshlanmoqda. ${LATER}`,
    upload_not_begun: `Yuklashni oʻz vaqtida boshlab boʻlmadi. ${LATER}`,
    upload_being_looked_at: `Fayl hali tekshirilmoqda. ${LATER}`,
    storage_unavailable: `Fayllar ombori vaqtincha ishlamayapti. ${LATER}`,

    own_product: 'Oʻz mahsulotingizga sharh yoza olmaysiz.',
    purchase_required: 'Faqat bu mahsulotni sotib olib, qabul qilganlar sharh yoza oladi.',
    own_review: 'Bu sizning oʻz sharhingiz.',
    not_the_seller: 'Sharhga faqat shu mahsulotning sotuvchisi javob bera oladi.',
    not_hidden: 'Bu sharh yashirilmagan, shikoyatga hojat yoʻq.',
    already_appealed: 'Siz bu qaror ustidan allaqachon shikoyat qilgansiz.',
    review_not_storable: 'Sharhda server saqlay olmaydigan belgilar bor. Ularni olib tashlang.',
    review_breaks_rule: 'Sharh qabul qilinmadi: u server qoidalariga zid. Oʻzgartirib, qayta urinib koʻring.',
    too_many_actions: ({ retry_after }) =>
      `Ketma-ket juda koʻp amal bajardingiz. ${after(retry_after)} urinib koʻring.`,
    reviews_unavailable: `Sharhlar vaqtincha ishlamayapti. ${LATER}`,
    reviews_being_set_up: `Sharhlar hali sozlanmoqda. ${LATER}`,

    internal_error: `Bizning tomonda xatolik yuz berdi. ${LATER}`,
    backend_unreachable: `Server vaqtincha ishlamayapti. ${LATER}`,
    backend_broke_off: `Server javob bermasdan aloqani uzdi. ${LOOK_FIRST}`,
    backend_unintelligible: `Server notoʻgʻri javob berdi. ${LOOK_FIRST}`,
    busy: `Server hozir juda band. ${LATER}`,
    database_unavailable: `Maʼlumotlar bazasi vaqtincha ishlamayapti. ${LATER}`,
    backend_timeout: `Server oʻz vaqtida javob bermadi. ${LOOK_FIRST}`,
  },
  rules,
};
