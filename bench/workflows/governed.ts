/** The governed variant: the shipped playbook alone, so that its worker needs no other policy. */
export { refundRequest as refund_request } from '../../workflows/refund-request.ts'
