/** The sink to which workflow code in a replay tells what it sends to Temporal. */
export const REPLAY_SINK = 'countersignReplay'
