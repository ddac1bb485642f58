export { refundRequest as refund_request } from './refund-request.ts'
export { supportRequest as support_request } from './support-request.ts'
