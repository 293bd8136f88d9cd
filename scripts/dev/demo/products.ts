/** Fifty products, as sellers name them here: in Russian, Uzbek or English. */
import type { Category } from './words/words.ts';

type Product = readonly [name: string, price: number];

const PRODUCTS: Readonly<Record<Category, readonly Product[]>> = {
  clothes: [
    ['Свитер из мериносовой шерсти', 39],
    ['Adras koʻylak, qoʻlda tikilgan', 54],
    ['Linen summer dress', 45],
    ['Худи оверсайз, хлопок', 28],
    ['Erkaklar koʻylagi, oq', 22],
    ['Rain jacket, packable', 48],
  ],
  shoes: [
    ['Кроссовки для бега, лёгкие', 62],
    ['Charm mokasin', 58],
    ['Leather ankle boots', 89],
    ['Ботинки зимние детские', 36],
    ['Canvas sneakers', 27],
    ['Uy shippagi, namat', 11],
  ],
  home: [
    ['Настольная лампа с зарядкой', 34],
    ['Ipak yostiq jildi', 18],
    ['Woven storage basket', 16],
    ['Плед крупной вязки', 41],
    ['Suzani, devor uchun', 75],
    ['Wall clock, oak', 29],
    ['Полка настенная, ясень', 25],
  ],
  kitchen: [
    ['Казан чугунный, 8 литров', 66],
    ['Rishton lagani, 42 sm', 38],
    ['Chef’s knife, 20 cm', 44],
    ['Термос, 1 литр', 21],
    ['Choynak va olti piyola', 32],
    ['Cast-iron skillet', 37],
    ['Кофемолка ручная', 31],
  ],
  electronics: [
    ['Наушники беспроводные', 49],
    ['Aqlli soat', 72],
    ['Power bank, 20 000 mAh', 33],
    ['Колонка портативная', 40],
    ['Simsiz sichqoncha', 14],
    ['USB-C hub, seven ports', 35],
  ],
  kids: [
    ['Конструктор деревянный, 120 деталей', 26],
    ['Yumshoq oʻyinchoq ayiq', 15],
    ['Balance bike', 59],
    ['Набор для рисования', 12],
    ['Bolalar ryukzagi', 19],
    ['Night light, fox', 17],
  ],
  beauty: [
    ['Крем для рук с прополисом', 7],
    ['Tabiiy sovun, rayhonli', 5],
    ['Argan hair oil', 13],
    ['Шампунь твёрдый', 9],
    ['Usma va xina toʻplami', 8],
    ['Clay face mask', 11],
  ],
  food: [
    ['Курага отборная, 1 кг', 10],
    ['Novvot, zaʼfaronli', 6],
    ['Walnut halva', 8],
    ['Мёд горный, 500 г', 14],
    ['Quritilgan tut', 9],
    ['Green tea No. 95', 5],
  ],
};

export interface DemoProduct {
  readonly name: string;
  readonly category: Category;
  readonly price: number;
}

export const DEMO_PRODUCTS: readonly DemoProduct[] = Object.entries(PRODUCTS).flatMap(
  ([category, products]) =>
    products.map(([name, price]) => ({ name, price, category: category as Category })),
);
