/** Programs of the system that may or may not be on this machine. */

/** Some live outside an ordinary user's PATH. */
export const PATH_WITH_SBIN = `${process.env.PATH}:/usr/sbin:/sbin`;
