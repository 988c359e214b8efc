/** The current time. Handed in, so that rules stay pure and tests own the time. */
export type Clock = () => Date;
