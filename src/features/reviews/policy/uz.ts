import type { PolicyWords } from './words.ts';

export const uz: PolicyWords = {
  buyersOnly: 'Sharhni faqat mahsulotni bizdan sotib olib, qabul qilib olgan xaridor yozishi mumkin.',
  everybody:
    'Mahsulot bizdan sotib olinmagan boʻlsa ham, har bir roʻyxatdan oʻtgan xaridor sharh yozishi mumkin.',
  verifiedMark:
    'Sharh yozilgan yoki oxirgi marta tahrirlangan paytda bizning maʼlumotlarimizga koʻra muallifning shu mahsulotli buyurtmasi yetkazib berilgan boʻlsa, sharhga xarid tasdiqlangani haqida belgi qoʻyiladi; bu belgini hech kim oʻzi qoʻya olmaydi.',
  notChecked:
    'Bunday belgisi boʻlmagan sharhda muallif mahsulotni sotib olganini yoki undan foydalanganini tekshirmaganmiz.',
  whoElse:
    'Sotuvchilar oʻz mahsulotlariga sharh yoza olmaydi; har bir xaridor bitta mahsulotga bitta sharh yozadi.',
  readBefore: 'Har bir sharhni va uning har bir tahririni chop etishdan oldin moderator oʻqiydi.',
  shownAtOnce:
    'Sharhlar oldindan tekshirilmasdan darhol koʻrsatiladi; moderatorlar ularni keyin — shikoyat tushganda yoki oʻzlari payqaganda oʻqiydi.',
  blockedWords:
    'Taqiqlangan soʻzlar roʻyxatidagi soʻz uchragan sharh moderator oʻqib chiqmaguncha koʻrsatilmaydi.',
  reported: (buyers) =>
    `Mahsulotning ${buyers} ta xaridori shikoyat qilgan sharh moderator oʻqib chiqmaguncha koʻrsatilmaydi; sotuvchining shikoyatlari hisobga olinmaydi.`,
  reasons:
    'Sharh faqat spam, haqorat, mavzuga aloqasizlik, soxtalik, shaxsiy hayot daxlsizligini buzish, qonun talabi yoki bahoga bogʻliq boʻlmagan boshqa sabab bilan koʻrsatilmasligi mumkin: ijobiy va salbiy sharhlarga munosabat bir xil va barcha chop etilgan sharhlar koʻrsatiladi.',
  appeal: 'Yashirilgan sharh muallifi bu qaror ustidan bir marta shikoyat qilishi mumkin.',
  order:
    'Avval eng yangi sharhlar koʻrsatiladi. Eng eskilarini, eng yuqori yoki eng past baholilarini yoki oʻquvchilar koʻproq foydali deb belgilaganlarini tanlash, shuningdek, sharhlarni baho, tasdiqlangan xarid, surat yoki video boʻyicha saralash mumkin. Roʻyxatdagi oʻrin uchun hech kim pul toʻlamaydi.',
  scoring:
    'Oʻrtacha baho — mahsulotning barcha chop etilgan baholari (1 dan 5 yulduzgacha) oʻrtacha arifmetik qiymati; barcha sharhlar teng hisoblanadi, natija ikki xonagacha yaxlitlanadi. Mahsulotlarni solishtirish uchun reyting (10 × m + baholar yigʻindisi) ÷ (10 + baholar soni) ga teng, bunda m — barcha mahsulotlarning barcha chop etilgan baholari oʻrtachasi: bir nechta baho uni koʻp bahoga qaraganda kamroq oʻzgartiradi.',
  incentives:
    'Muallif sharh uchun biror narsa olgani maʼlum boʻlsa, sharh ragʻbat evaziga yozilgan deb belgilanadi. Sharh ijobiy yoki salbiy boʻlishi sharti bilan biror narsa berish mumkin emas.',
};
